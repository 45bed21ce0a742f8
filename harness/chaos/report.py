"""Report the result of a run: a table, and all problems."""

from collections.abc import Iterator

from harness.chaos.plan import Difference
from harness.chaos.run import Chaos

MAX_PRINTED = 6
"""Maximum number of differences, and of problems of scrapes, that are printed in full."""


def table(chaos: Chaos, differences: list[Difference]) -> str:
    """Return the figures of a run as a Markdown table."""
    journal, options, way, watch = chaos.journal, chaos.options, chaos.way.counts, chaos.watch
    exporter, api = journal.counts("exporter"), journal.counts("API")
    reloads = sum(count for text, count in exporter.items() if text.startswith("reloaded"))
    figures = {
        "minutes, seed": f"{options.seconds / 60:g}, {options.seed}",
        "calls": f"{len(chaos.account.calls):,}",
        "exporter killed or terminated": f"{exporter.total() - reloads:,}",
        "exporter reloaded with other settings": f"{reloads:,}",
        "database stopped, reset or locked": f"{journal.counts('database').total():,}",
        "faults of the API, of how many kinds": f"{api.total():,}, {len(api)}",
        "requests to the API": f"{len(chaos.aircall.requests):,}",
        "events; of these lost, doubled, late": (
            f"{way['sent']:,}; {way['lost']:,}, {way['doubled']:,}, {way['late']:,}"
        ),
        "scrapes, the slowest": f"{watch.scrapes:,}, {watch.slowest:.1f} s",
        "scrapes that failed or were wrong": f"{watch.problems.total():,}",
        "after the end, the exporter reported that everything was fetched": f"{chaos.said_after:.0f} s",
        "everything was fetched": f"{chaos.settled_after:.0f} s",
        "calls and counters that differ": f"{len(differences):,}",
    }
    rows = "".join(f"| {name} | {figure} |\n" for name, figure in figures.items())
    return f"| | {options.database} |\n| --- | --: |\n{rows}"


def problems(chaos: Chaos, differences: list[Difference]) -> Iterator[str]:
    """Yield a paragraph for each problem, with the actions around its time."""
    for difference in differences[:MAX_PRINTED]:
        yield "\n".join([difference.text, *map(_indented, _about(chaos, difference))])
    if len(differences) > MAX_PRINTED:
        yield f"and {len(differences) - MAX_PRINTED:,} differences more"
    seen = chaos.watch.problems
    for text, first in list(chaos.watch.first_seen.items())[:MAX_PRINTED]:
        around = chaos.journal.around(first - 30, first)
        when = f"first at {chaos.journal.at(first).strip()}, {seen[text]} times"
        yield "\n".join([f"{text} ({when})", *map(_indented, around)])
    if len(seen) > MAX_PRINTED:
        yield f"and {len(seen) - MAX_PRINTED:,} problems of scrapes more"
    yield from (f"exporter: {problem}" for problem in chaos.exporter.problems)
    yield from (f"exporter's log: {line}" for line in chaos.exporter.errors()[:MAX_PRINTED])


def _about(chaos: Chaos, difference: Difference) -> Iterator[str]:
    for call in difference.calls[-5:]:
        moments = (chaos.journal.at(at).strip() for at in (call.started_at, call.answered_at, call.ended_at))
        started, answered, ended = moments
        yield f"call {call.id}, {call.direction}: started {started}, answered {answered}, ended {ended}"
    yield from chaos.around(difference)


def _indented(line: str) -> str:
    return f"    {line}"
