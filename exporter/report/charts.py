"""Draw lines over intervals as SVG, legible on paper."""

from collections.abc import Sequence
from html import escape
from typing import NamedTuple

WIDTH, HEIGHT = 760, 190
LEFT, TOP, BOTTOM = 48, 22, 26
"""Sizes in pixels. The figures of the axes are left of and below the lines."""

TIMES_SHOWN = 6
POINTS_SHOWN = 60
"""Points of a line that are drawn; with more intervals, only the line is."""


class Line(NamedTuple):
    """A line: its name, its look, and a value for each interval; None leaves a gap."""

    name: str
    colour: str
    dash: str
    values: Sequence[float | None]


def chart(title: str, lines: Sequence[Line], times: Sequence[str], *, as_percent: bool = False) -> str:
    """Return a chart of lines as SVG. `times` are the starts of the intervals."""
    values = [value for line in lines for value in line.values if value]
    highest = 1.0 if as_percent else max(values, default=1)
    last = max(1, len(times) - 1)

    def x(position: int) -> float:
        return LEFT + (WIDTH - LEFT - 12) * position / last

    def y(value: float) -> float:
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * value / highest

    parts = [f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}">']
    for value in (0, highest / 2, highest):
        label = f"{value:.0%}" if as_percent else f"{value:g}"
        parts.append(f'<path class="grid" d="M{LEFT} {y(value):.1f}H{WIDTH - 12}"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{y(value) + 4:.1f}" text-anchor="end">{label}</text>')
    for position in sorted({last * step // (TIMES_SHOWN - 1) for step in range(TIMES_SHOWN)}):
        anchor = "start" if position == 0 else "end" if position == last else "middle"
        time = escape(times[position])
        parts.append(f'<text x="{x(position):.1f}" y="{HEIGHT - 8}" text-anchor="{anchor}">{time}</text>')
    for number, line in enumerate(lines):
        stroke = f'stroke="{line.colour}" stroke-dasharray="{line.dash}"'
        parts.append(f'<path d="M{LEFT + 130 * number} 10h24" {stroke}/>')
        parts.append(f'<text x="{LEFT + 130 * number + 30}" y="14">{escape(line.name)}</text>')
        points = [(x(i), y(value)) for i, value in enumerate(line.values) if value is not None]
        moves = (
            f"{'L' if i and line.values[i - 1] is not None else 'M'}{x(i):.1f} {y(value):.1f}"
            for i, value in enumerate(line.values)
            if value is not None
        )
        parts.append(f'<path d="{"".join(moves)}" {stroke}/>')
        if len(times) <= POINTS_SHOWN:
            parts += [f'<circle cx="{a:.1f}" cy="{b:.1f}" r="2" fill="{line.colour}"/>' for a, b in points]
    return "".join([*parts, "</svg>"])
