"""PromQL that says numbers as text, so that one tile can show several of them.

A Grafana tile shows one value and one title. What belongs to a user on the wall is more: state, since when,
the current call, the calls of the period. `count_values` turns a number into a label, joins bring the labels
together, `label_join` makes the sentence.
"""

from collections.abc import Sequence
from dataclasses import dataclass

RECENT = 'period="recent"'
"""Selects figures of the activity period."""

EXPORTER = 'job=~"$job", instance=~"$instance"'
TEAM = f'{EXPORTER}, team=~"$team"'
NUMBER = f'{EXPORTER}, number=~"$number"'

ISOLATED = "\u2068$1\u2069"
"""A name between signs that nobody sees: one that is written from right to left takes no figure along."""

# Added to m·100 + s before it becomes text, so that 7 seconds read 1000007 and lose no zero.
PADDING = 1_000_000


@dataclass(frozen=True)
class Text:
    """A label of text: `expr` has at most one series for each set of `keys`, the label on it, of value 1."""

    label: str
    expr: str
    keys: str
    default: str = ""


def number(  # noqa: PLR0913, PLR0917  (what it is of, then how it is said)
    label: str, expr: str, keys: str, words: str = "$1", pattern: str = "(.*)", default: str = ""
) -> Text:
    """The number in `words`; nothing where it does not match `pattern`, `default` where there is none."""
    counted = f'count_values by ({keys}) ("count", {expr})'
    return Text(label, f'label_replace({counted}, "{label}", "{words}", "count", "{pattern}")', keys, default)


def clock(label: str, expr: str, keys: str, words: str = "$1:$2", default: str = "") -> Text:
    """Seconds as `3:07`."""
    digits = f"{PADDING} + floor(({expr}) / 60) * 100 + floor(({expr}) % 60)"
    return number(label, digits, keys, words, r"10*(\\d+)(\\d\\d)", default)


def span(label: str, expr: str, keys: str) -> Text:
    """Seconds as `12 min` or `1 h 05 min`."""
    digits = f"{PADDING} + floor(({expr}) / 3600) * 100 + floor(({expr}) % 3600 / 60)"
    minutes = number(label, digits, keys, "$1 min", r"10*(\\d?\\d)").expr
    return Text(
        label, rf'label_replace({minutes}, "{label}", "$1 h $2 min", "count", "10*([1-9]\\d*)(\\d\\d)")', keys
    )


def described(subjects: str, everyone: str, texts: Sequence[Text]) -> str:
    """The subjects with all texts on them; `everyone` stands in where a text says nothing of a subject."""
    return "\n".join([f"({subjects})", *(_joined(text, everyone) for text in texts)])


def _joined(text: Text, everyone: str) -> str:
    silent = f"group by ({text.keys}) ({everyone})"
    if text.default:
        silent = constant(silent, text.label, text.default)
    return f"* on ({text.keys}) group_left ({text.label}) ({text.expr} or on ({text.keys}) {silent})"


def sentence(expr: str, label: str, *parts: str, separator: str = " ") -> str:
    """One label that joins several."""
    quoted = ", ".join(f'"{part}"' for part in parts)
    return f'label_join({expr}, "{label}", "{separator}", {quoted})'


def constant(expr: str, label: str, value: str) -> str:
    """The same label on every series."""
    return f'label_replace({expr}, "{label}", "{value}", "", "")'


def reworded(expr: str, label: str, words: str, source: str, pattern: str = "(.*)") -> str:
    """A label made from another where the pattern matches."""
    return f'label_replace({expr}, "{label}", "{words}", "{source}", "{pattern}")'


def named_queue(expr: str) -> str:
    """Queue series, of which those of calls without a number say so."""
    return reworded(expr, "number", "no number", "number", "")
