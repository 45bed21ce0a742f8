"""Build stat panels: tiles with a figure each, and a title for each figure."""

from collections.abc import Sequence
from dataclasses import dataclass

from grafana_foundation_sdk.builders import stat
from grafana_foundation_sdk.builders.common import ReduceDataOptions, VizTextDisplayOptions
from grafana_foundation_sdk.models.common import BigValueColorMode, BigValueGraphMode, BigValueTextMode
from grafana_foundation_sdk.models.dashboard import DynamicConfigValue, ValueMapping

from grafana.boards.palette import CALM
from grafana.boards.panels import Frame, Step, at_the_end, framed, thresholds


@dataclass(frozen=True)
class Tile:
    """A tile with the value of one query.

    `steps` are thresholds with their colours, lowest first. Below the first, the tile has the colour `base`.
    """

    title: str
    expr: str
    unit: str = "none"
    base: str = CALM
    steps: tuple[Step, ...] = ()
    mappings: Sequence[ValueMapping] = ()


def tiles(frame: Frame, shown: Sequence[Tile], *, title_size: int, value_size: int) -> stat.Panel:
    """Build a panel of tiles. Sizes are in pixels."""
    queries = [at_the_end(tile.expr, tile.title) for tile in shown]
    panel = (
        framed(stat.Panel(), frame, queries)
        .reduce_options(ReduceDataOptions().values(False).calcs(["lastNotNull"]))
        .color_mode(BigValueColorMode.BACKGROUND_SOLID)
        .graph_mode(BigValueGraphMode.NONE)
        .text_mode(BigValueTextMode.VALUE_AND_NAME)
        .wide_layout(False)
        .text(VizTextDisplayOptions().title_size(title_size).value_size(value_size))
    )
    for ref, tile in zip("ABCDEFGH", shown, strict=False):
        panel = panel.override_by_query(ref, _settings(tile))
    return panel


def _settings(tile: Tile) -> list[DynamicConfigValue]:
    settings: dict[str, object] = {
        "unit": tile.unit,
        "decimals": 0,
        "thresholds": thresholds(tile.base, tile.steps).build(),
        "mappings": list(tile.mappings),
    }
    return [DynamicConfigValue(*each) for each in settings.items()]
