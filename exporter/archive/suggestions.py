"""Who was asked for and has never been seen: a search for him finds nothing, which says little."""

import difflib
from collections.abc import Iterator

from sqlalchemy import Connection, exists, select

from exporter.account.directory import SINGLE_USERS
from exporter.account.teams import group_label
from exporter.archive.criteria import Criteria
from exporter.archive.schema import names, teams
from exporter.config_file import truncate


def unknown_name_hints(connection: Connection, criteria: Criteria) -> Iterator[tuple[str, str]]:
    """The parameters that name somebody whom the archive does not know, and a line on each of these."""
    asked = {"user": criteria.users, "team": criteria.teams, "number": criteria.numbers}
    for kind, wanted in asked.items():
        if wanted:
            rows = connection.execute(select(names.c.id, names.c.name).where(names.c.kind == kind)).all()
            known = {told for row in rows for told in (row.id, row.name, f"{row.name} {row.id}")}
            if kind == "team":
                known |= {*SINGLE_USERS, *(name for name in wanted if _is_group(connection, name))}
            for name in wanted:
                if name not in known:
                    close = difflib.get_close_matches(name, [row.name for row in rows], n=1)
                    hint = f", did you mean {truncate(close[0])}?" if close else ""
                    yield kind, f"the archive knows no {kind} {truncate(name)}{hint}"


def _is_group(connection: Connection, name: str) -> bool:
    ids = (name, group_label(name).id)
    return bool(connection.scalar(select(exists().where(teams.c.team_id.in_(ids)))))
