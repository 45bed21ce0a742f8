"""Find the names and ids in the configuration that no user, team or number has."""

from collections.abc import Collection, Iterable, Iterator
from difflib import get_close_matches

from exporter.account.directory import SINGLE_USERS, Directory, ListName
from exporter.config.settings import Settings


def unknown_names(directory: Directory, settings: Settings) -> Iterator[str]:
    """Yield what matches nothing in a complete directory: the key, the name, and the nearest known name."""
    groups = [SINGLE_USERS.name, *(group.name for group in settings.groups)]
    yield from _unknown(directory, "teams", "teams", settings.teams, (SINGLE_USERS.name,))
    yield from _unknown(directory, "exclude_users", "users", settings.exclude_users)
    yield from _unknown(directory, "overrides.numbers", "numbers", settings.overrides.numbers)
    yield from _unknown(directory, "overrides.teams", "teams", settings.overrides.teams, groups)
    for group in settings.groups:
        yield from _unknown(directory, f"groups, {group.name}: users", "users", group.users)
        yield from _unknown(directory, f"groups, {group.name}: teams", "teams", group.teams)
        yield from _unknown(directory, f"groups, {group.name}: numbers", "numbers", group.numbers)


def _unknown(
    directory: Directory,
    key: str,
    kind: ListName,
    names: Iterable[str | int],
    others: Collection[str | int] = (),
) -> Iterator[str]:
    known = [*directory.present_names(kind), *map(str, others)]
    for name in names:
        if name not in others and not directory.find(kind, name):
            near = get_close_matches(str(name), known, n=1)
            yield f"{key}: {name}" + (f", did you mean {near[0]}?" if near else "")
