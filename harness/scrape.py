"""Look up values in the samples of a scrape."""

import time
from collections.abc import Iterable
from typing import Self

import requests
from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric
from prometheus_client.parser import text_string_to_metric_families

Labels = frozenset[tuple[str, str]]


class Scrape:
    """All samples, by name and labels."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self.samples: dict[str, dict[Labels, float]] = {}
        for family in families:
            for sample in family.samples:
                series = self.samples.setdefault(sample.name, {})
                labels = frozenset(sample.labels.items())
                assert labels not in series, f"{sample.name} has {dict(labels)} twice"
                series[labels] = sample.value

    @classmethod
    def of(cls, registry: CollectorRegistry) -> Self:
        """Return the samples of a registry."""
        return cls(registry.collect())

    @classmethod
    def at(cls, url: str) -> Self:
        """Return the samples that the exporter at `url` exposes."""
        answer = requests.get(f"{url}/metrics", timeout=10)
        answer.raise_for_status()
        return cls(text_string_to_metric_families(answer.text))

    def all(self, name: str, **labels: object) -> dict[Labels, float]:
        """Return the series of `name` that have at least these labels."""
        pairs = {(key, str(value)) for key, value in labels.items()}
        return {found: value for found, value in self.samples.get(name, {}).items() if pairs <= found}

    def value(self, name: str, **labels: object) -> float | None:
        """Return the value of the one series with these labels, or None if there is none."""
        found = self.all(name, **labels)
        assert len(found) <= 1, f"{name}{labels} is {len(found)} series"
        return next(iter(found.values()), None)

    def number(self, name: str, **labels: object) -> float:
        """Return the value of the one series with these labels, which must exist."""
        found = self.value(name, **labels)
        assert found is not None, f"{name}{labels} is no series"
        return found

    def sum(self, name: str, **labels: object) -> float:
        """Return the sum of the samples of a name with these labels."""
        return sum(self.all(name, **labels).values())

    def labels(self, name: str, label: str, **labels: object) -> set[str]:
        """Return the values that one label takes."""
        return {dict(found)[label] for found in self.all(name, **labels)}


def wait_for_assignments(url: str) -> None:
    """Wait until the exporter at `url` has fetched everything, of which assignments come last."""
    while "assignments" not in Scrape.at(url).labels("aircall_dataset_age_seconds", "dataset"):
        time.sleep(0.5)
