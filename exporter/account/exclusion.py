"""Decide which users `exclude_users` leaves out, also before they are listed and after they were removed."""

from exporter.account.directory import Directory
from exporter.config.settings import Settings


class Exclusion:
    """The excluded users, by id, name or e-mail address. It uses the present state of the directory.

    Names are also known from earlier runs, e-mail addresses only from the lists of this run. A user who may
    have an excluded name or address is not shown until that is known.
    """

    def __init__(self, directory: Directory, settings: Settings) -> None:
        """Read `exclude_users` of the settings."""
        self._directory = directory
        self._ids = frozenset(map(str, settings.exclude_users))
        self._names = frozenset(entry for entry in settings.exclude_users if isinstance(entry, str))
        self._emails = frozenset(name.lower() for name in self._names if "@" in name)

    @property
    def needs_list(self) -> bool:
        """Whether only the list of users tells who is excluded, because not all are excluded by id."""
        return bool(self._names)

    def excludes(self, user_id: int) -> bool:
        """Return whether it is known that a user is excluded."""
        if not self._ids:
            return False
        return (
            str(user_id) in self._ids
            or self._directory.user_names.get(user_id) in self._names
            or self._directory.user_emails.get(user_id) in self._emails
        )

    def may_exclude(self, user_id: int) -> bool:
        """Return whether a user is excluded, or may be: their name or e-mail address is not known yet."""
        unnamed = bool(self._names) and user_id not in self._directory.user_names
        without_email = bool(self._emails) and user_id not in self._directory.user_emails
        return unnamed or without_email or self.excludes(user_id)
