"""From a board to the text of its file."""

import json

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard


def render(board: Dashboard) -> str:
    """The JSON that Grafana provisions: stable, so that a change shows in a diff as what it is."""
    return json.dumps(board, cls=JSONEncoder, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
