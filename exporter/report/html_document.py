"""Build web pages of one file, without scripts.

They are ASCII, so the encoding of the output makes no difference.
"""

from collections.abc import Container, Iterable, Sequence
from html import escape

_DOCUMENT = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8"/>
<meta name="viewport" content="width=device-width"/>
<title>{title}</title>
<style>
:root {{ color-scheme: light; }}
body {{ font: 14px/1.4 system-ui, sans-serif; color: #222; background: #fff; max-width: 72rem;
  margin: 2rem auto; padding: 0 1rem; }}
table {{ border-collapse: collapse; font-variant-numeric: tabular-nums; }}
thead {{ display: table-header-group; }}
tr, section {{ break-inside: avoid; }}
th, td {{ text-align: right; padding: .2rem .6rem; border-bottom: 1px solid #ccc; vertical-align: bottom; }}
.text {{ text-align: left; white-space: nowrap; }}
svg {{ display: block; width: 100%; max-width: 760px; margin: .5rem 0; font-size: 12px; }}
path {{ fill: none; stroke-width: 2; }}
.grid {{ stroke: #ddd; stroke-width: 1; }}
@page {{ size: A4 landscape; margin: 12mm; }}
@media print {{ body {{ font-size: 10px; margin: 0; max-width: none; }} th, td {{ padding: .1rem .3rem; }} }}
</style>
</head>
<body>
<h1>{title}</h1>
{body}
</body>
</html>
"""


def html_document(title: str, body: str) -> str:
    """Return a page with a title. `body` is HTML."""
    page = _DOCUMENT.format(title=escape(title), body=body)
    return page.encode("ascii", "xmlcharrefreplace").decode("ascii")


def html_table(
    titles: Sequence[str], rows: Iterable[Sequence[str]], figures: Container[int] = frozenset()
) -> str:
    """Return a table. Columns whose position is in `figures` are aligned to the right."""
    look = ["" if position in figures else ' class="text"' for position in range(len(titles))]

    def cells(tag: str, texts: Sequence[str]) -> str:
        return "".join(f"<{tag}{each}>{escape(text)}</{tag}>" for each, text in zip(look, texts, strict=True))

    body = "\n".join(f"<tr>{cells('td', row)}</tr>" for row in rows)
    return f"<table>\n<thead><tr>{cells('th', titles)}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table>"
