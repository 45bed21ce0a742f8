"""Turn a dashboard into the text of its file."""

import json

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard


def render(board: Dashboard) -> str:
    """Return the JSON that Grafana provisions. It is stable, so that diffs show only changes."""
    return json.dumps(board, cls=JSONEncoder, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
