"""Build PromQL that turns numbers into text, so that one tile can show several of them.

A Grafana tile shows one value and one title. A user's tile needs more: the state and its duration, the
current call, the calls of the activity period. `count_values` turns a number into a label, joins put the
labels on one series, and `label_join` builds the text.
"""

from collections.abc import Sequence
from dataclasses import dataclass

RECENT = 'period="recent"'
"""Selects figures of the activity period."""

EXPORTER = 'job=~"$job", instance=~"$instance"'
TEAM = f'{EXPORTER}, team=~"$team"'
NUMBER = f'{EXPORTER}, number=~"$number"'

ISOLATED = "\u2068$1\u2069"
"""A name between invisible characters, so that a right-to-left name does not reorder the figures."""

# Added to m·100 + s before it becomes text, so that 7 seconds become 1000007 and keep their zeros.
PADDING = 1_000_000


@dataclass(frozen=True)
class Text:
    """A text label. `expr` has at most one series for each set of `keys`, with the label and the value 1."""

    label: str
    expr: str
    keys: str
    default: str = ""


def number(  # noqa: PLR0913, PLR0917  (what it is of, then how it is said)
    label: str, expr: str, keys: str, words: str = "$1", pattern: str = "(.*)", default: str = ""
) -> Text:
    """Return a number as text.

    Args:
        label: The label that gets the text.
        expr: The number.
        keys: The labels that identify a series.
        words: The text, in which `$1` is the first group of `pattern`.
        pattern: The pattern of the number. A number that does not match it has an empty text.
        default: The text if there is no number.
    """
    counted = f'count_values by ({keys}) ("count", {expr})'
    return Text(label, f'label_replace({counted}, "{label}", "{words}", "count", "{pattern}")', keys, default)


def clock(label: str, expr: str, keys: str, words: str = "$1:$2", default: str = "") -> Text:
    """Return seconds as text such as `3:07`."""
    digits = f"{PADDING} + floor(({expr}) / 60) * 100 + floor(({expr}) % 60)"
    return number(label, digits, keys, words, r"10*(\\d+)(\\d\\d)", default)


def span(label: str, expr: str, keys: str) -> Text:
    """Return seconds as text such as `12 min` or `1 h 05 min`."""
    digits = f"{PADDING} + floor(({expr}) / 3600) * 100 + floor(({expr}) % 3600 / 60)"
    minutes = number(label, digits, keys, "$1 min", r"10*(\\d?\\d)").expr
    return Text(
        label, rf'label_replace({minutes}, "{label}", "$1 h $2 min", "count", "10*([1-9]\\d*)(\\d\\d)")', keys
    )


def described(subjects: str, everyone: str, texts: Sequence[Text]) -> str:
    """Put texts on the subjects as labels. If a subject has no such text, `everyone` provides its default."""
    return "\n".join([f"({subjects})", *(_joined(text, everyone) for text in texts)])


def _joined(text: Text, everyone: str) -> str:
    silent = f"group by ({text.keys}) ({everyone})"
    if text.default:
        silent = constant(silent, text.label, text.default)
    return f"* on ({text.keys}) group_left ({text.label}) ({text.expr} or on ({text.keys}) {silent})"


def sentence(expr: str, label: str, *parts: str, separator: str = " ") -> str:
    """Join several labels to one."""
    quoted = ", ".join(f'"{part}"' for part in parts)
    return f'label_join({expr}, "{label}", "{separator}", {quoted})'


def constant(expr: str, label: str, value: str) -> str:
    """Put the same label on each series."""
    return f'label_replace({expr}, "{label}", "{value}", "", "")'


def reworded(expr: str, label: str, words: str, source: str, pattern: str = "(.*)") -> str:
    """Set a label from another one if the pattern matches."""
    return f'label_replace({expr}, "{label}", "{words}", "{source}", "{pattern}")'


def named_queue(expr: str) -> str:
    """Return queue series, with a text as the number of calls without a number."""
    return reworded(expr, "number", "no number", "number", "")
