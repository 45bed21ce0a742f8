"""Suggest names for criteria that name users, teams or numbers that the archive does not have."""

import difflib
from collections.abc import Iterator

from sqlalchemy import Connection, select

from exporter.archive.criteria import Criteria
from exporter.archive.views import call_names
from exporter.text import truncate


def unknown_name_hints(connection: Connection, criteria: Criteria) -> Iterator[tuple[str, str]]:
    """Yield the parameter and a hint for each name that the archive does not have."""
    asked = {"user": criteria.users, "team": criteria.teams, "number": criteria.numbers}
    for kind, given in asked.items():
        if given:
            named = select(call_names.c.called, call_names.c.name).where(call_names.c.kind == kind)
            names = {row.called: row.name for row in connection.execute(named)}
            for name in given:
                if name not in names:
                    close = difflib.get_close_matches(name, set(names.values()), n=1)
                    hint = f", did you mean {truncate(close[0])}?" if close else ""
                    yield kind, f"the archive has no {kind} {truncate(name)}{hint}"
