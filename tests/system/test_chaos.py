"""The chaos harness: a short run, and the differences that it reports in falsified results."""

import sqlite3
from pathlib import Path

from harness.chaos.database import Sqlite
from harness.chaos.report import problems, table
from harness.chaos.run import Chaos, Options
from harness.scrape import Scrape

SHORT = Options(seconds=14, seed=5, every=4, calls_per_hour=6000, settle=60)


def test_chaos_short_run_is_exact_and_falsified_results_differ(tmp_path: Path) -> None:
    archive = Sqlite(tmp_path)
    with Chaos(SHORT, archive, tmp_path) as chaos:
        differences = chaos.run()
        assert list(problems(chaos, differences)) == []
        assert all(chaos.journal.counts(kind) for kind in SHORT.kinds)
        assert "| calls and counters that differ | 0 |" in table(chaos, differences)

        scrape = Scrape.at(chaos.exporter.url)
        missed = scrape.samples["aircall_missed_calls_total"]
        labels = max(missed, key=lambda labels: missed[labels])
        missed[labels] += 1
        oldest = min(chaos.account.calls)
        with sqlite3.connect(archive.path) as connection:
            connection.execute("DELETE FROM calls WHERE id = ?", (oldest,))
        row, counter = chaos.compare(scrape)
        assert row.text == f"call {oldest} is missing in the archive"
        assert counter.text.startswith("aircall_missed_calls_total{")
        assert counter.text.endswith(f"is {missed[labels]:.0f}, expected {missed[labels] - 1:.0f}")
        assert any("exporter: " in line for line in chaos.around(counter))
