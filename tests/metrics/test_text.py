"""Tests of the text formats: the lines are those of prometheus-client for any labels."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from exporter.account.counter_totals import Exemplar, Histogram, Summary
from exporter.metrics.family import Family, Sample
from exporter.metrics.text import sample_lines
from exporter.metrics.text_cache import FORMATS, Format, header
from harness.reference_exposition import metrics, plain

ACCEPT = {"text": "", "openmetrics": "application/openmetrics-text; version=1.0.0"}
PARSE = {"text": parse_text, "openmetrics": parse_openmetrics}

FAMILIES = (
    Family("aircall_gauge", "gauge", 'Says "so",\nand \\ so.', ("user", "number", "answer"), group="info"),
    Family("aircall_counter_total", "counter", "Counts.", ("user", "number", "answer"), group="info"),
    Family("aircall_histogram", "histogram", "Spreads.", ("user", "number", "answer"), group="info"),
    Family("aircall_summary", "summary", "Sums.", ("user", "number", "answer"), group="info"),
)

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
labels = st.tuples(texts, texts, texts)
counts = st.integers(0, 10**9)
spreads = st.builds(
    lambda buckets, exemplar, total: Histogram(
        {**buckets, math.inf: 1}, {bound: exemplar for bound in buckets if exemplar}, total
    ),
    st.dictionaries(st.sampled_from([2.0, 7.5, 10.0, 3600.0]), counts),
    st.none() | st.builds(Exemplar, counts.map(str), counts),
    counts,
)
VALUES: dict[str, st.SearchStrategy] = {
    "gauge": st.none() | st.booleans() | counts | st.floats(allow_nan=False),
    "counter": counts | st.floats(0, 1e12),
    "histogram": spreads,
    "summary": st.builds(Summary, counts, counts),
}


def samples_of(family: Family) -> st.SearchStrategy[list[Sample]]:
    values = VALUES[family.kind]
    return st.dictionaries(labels, values, max_size=4).map(
        lambda series: [(family, labels, value) for labels, value in series.items()]
    )


class Registry(CollectorRegistry):
    def __init__(self, samples: list[Sample]) -> None:
        super().__init__()
        self.samples = samples

    def collect(self):
        return metrics(iter(self.samples), FAMILIES)


@pytest.mark.parametrize("form", FORMATS)
@given(st.tuples(*map(samples_of, FAMILIES)))
def test_sample_lines_any_labels_equal_prometheus_client(
    form: Format, samples: tuple[list[Sample], ...]
) -> None:
    text = "".join(
        header(family, form) + "".join(sample_lines(sample, form == "openmetrics") for sample in of_family)
        for family, of_family in zip(FAMILIES, samples, strict=True)
    ) + ("# EOF\n" if form == "openmetrics" else "")
    expected, _ = plain(Registry([sample for of_family in samples for sample in of_family]), ACCEPT[form])
    assert text == expected.decode()
    read = {
        tuple(sample.labels[label] for label in ("user", "number", "answer"))
        for family in PARSE[form](text)
        for sample in family.samples
    }
    assert read == {labels for of_family in samples for _, labels, value in of_family if value is not None}
