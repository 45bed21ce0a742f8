"""The two text formats, chosen by what the client accepts."""

from collections.abc import Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric, UnknownMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector


def expose(registry: CollectorRegistry, accept: str) -> tuple[bytes, str]:
    """Render all metrics in the best format that an `Accept` header allows; gives body and content type."""
    encode, content_type = choose_encoder(accept)
    openmetrics = content_type.startswith("application/openmetrics-text")
    return encode(_DistinctNames(registry) if openmetrics else registry), content_type


class _DistinctNames(Collector):
    """OpenMetrics drops `_total` from a counter's family name, which may then be another family's.

    Such a counter (`aircall_team_calls_total` beside the gauge `aircall_team_calls`) is served under its
    full name, without a type; its samples are the same in both formats.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    def collect(self) -> Iterator[Metric]:
        families = list(self._registry.collect())
        taken = {family.name for family in families if family.type != "counter"}
        for family in families:
            if family.type == "counter" and family.name in taken:
                renamed = UnknownMetricFamily(f"{family.name}_total", family.documentation)
                renamed.samples = family.samples
                yield renamed
            else:
                yield family
