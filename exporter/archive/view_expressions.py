"""Expressions of SQL that several views have in common."""


def name_of(kind: str, id_: str) -> str:
    """Return the name of a user, team or number, or its kind and id if it has no name; "" without an id."""
    name = f"SELECT name FROM names WHERE kind = '{kind}' AND names.id = CAST({id_} AS TEXT)"
    return f"coalesce(({name}), '{kind} ' || {id_}, '')"


def seconds(since: str, until: str) -> str:
    """Return the seconds from `since` to `until`, at least 0, or NULL if one of them has not come."""
    return f"CASE WHEN {until} < {since} THEN 0 ELSE {until} - {since} END"
