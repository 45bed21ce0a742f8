"""Build the queries of data sources for which the SDK has no type."""

from dataclasses import dataclass, field
from typing import Any

from grafana_foundation_sdk.cog import variants
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models.dashboard import DataSourceRef


@dataclass
class JsonQuery(variants.Dataquery, Builder[variants.Dataquery]):
    """A query with these properties, which builds itself."""

    content: dict[str, Any]
    common: dict[str, Any] = field(default_factory=dict)

    def ref_id(self, ref: str) -> "JsonQuery":
        """Set the name by which the panel refers to the query."""
        self.common["refId"] = ref
        return self

    def datasource(self, source: DataSourceRef) -> "JsonQuery":
        """Set the data source."""
        self.common["datasource"] = source
        return self

    def to_json(self) -> dict[str, Any]:
        """Return the JSON of the query."""
        return self.content | self.common

    def build(self) -> "JsonQuery":
        """Return the query."""
        return self
