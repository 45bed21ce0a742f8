"""Suggest names for criteria that name users, teams or numbers that the archive does not have."""

import difflib
from collections.abc import Iterator

from sqlalchemy import Connection, exists, select

from exporter.account.directory import SINGLE_USERS
from exporter.account.teams import group_label
from exporter.archive.criteria import Criteria
from exporter.archive.schema import names, teams
from exporter.text import truncate


def unknown_name_hints(connection: Connection, criteria: Criteria) -> Iterator[tuple[str, str]]:
    """Yield the parameter and a hint for each name that the archive does not have."""
    asked = {"user": criteria.users, "team": criteria.teams, "number": criteria.numbers}
    for kind, given in asked.items():
        if given:
            rows = connection.execute(select(names.c.id, names.c.name).where(names.c.kind == kind)).all()
            known = {form for row in rows for form in (row.id, row.name, f"{row.name} {row.id}")}
            if kind == "team":
                known |= {*SINGLE_USERS, *(name for name in given if _is_group(connection, name))}
            for name in given:
                if name not in known:
                    close = difflib.get_close_matches(name, [row.name for row in rows], n=1)
                    hint = f", did you mean {truncate(close[0])}?" if close else ""
                    yield kind, f"the archive has no {kind} {truncate(name)}{hint}"


def _is_group(connection: Connection, name: str) -> bool:
    ids = (name, group_label(name).id)
    return bool(connection.scalar(select(exists().where(teams.c.team_id.in_(ids)))))
