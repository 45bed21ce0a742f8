"""The groups of a report: the company, teams, numbers, users or tags, with their names and rules."""

from collections.abc import Sequence

from exporter.account.counters import team_label
from exporter.account.directory import Directory, NamedRef
from exporter.account.exclusion import Exclusion
from exporter.account.kpi_rules import RuleBook, ServiceRule
from exporter.account.teams import GROUP_PREFIX
from exporter.account.times_in_state import TimeInState
from exporter.archive.reported_calls import ReportedCall
from exporter.config.settings import Settings
from exporter.report.parameters import By

COMPANY = NamedRef("", "Company")
NO_NUMBER, NO_USER, NO_TAG = (NamedRef("", f"no {what}") for what in ("number", "user", "tag"))
"""The groups of calls without a number, a user or a tag."""


class Company:
    """All calls as one group. Each call counts by the rule of its number, as on the wallboard."""

    has_missed = True
    """Whether missed calls belong to the groups."""

    def __init__(self, directory: Directory, settings: Settings) -> None:
        """Resolve names in the settings with the directory."""
        self._directory, self._settings = directory, settings
        self._rules = RuleBook(directory, settings)
        self._excludes = Exclusion(directory, settings).excludes

    def group_of(self, _: ReportedCall, /) -> str | None:
        """Return the id of the group of a call, or None if the call is left out."""
        return COMPANY.id

    def groups_of_user(self, time: TimeInState, /) -> Sequence[str]:
        """Return the ids of the groups of a user at that time. There are none for excluded users."""
        return () if self._excludes(time.user_id) else (COMPANY.id,)

    def rule_of(self, reported: ReportedCall, /) -> ServiceRule:
        """Return the rule of the service level by which a call counts."""
        number = reported.call.number
        return self._rules.of_number(number.id if number else None).service

    def label(self, _: str, /) -> NamedRef:
        """Return the id and name of a group."""
        return COMPANY


class Numbers(Company):
    """A group for each number."""

    def group_of(self, reported: ReportedCall, /) -> str | None:
        """Return the id of the call's number."""
        number = reported.call.number
        return str(number.id) if number else NO_NUMBER.id

    def groups_of_user(self, _: TimeInState, /) -> Sequence[str]:
        """Return no group: users do not belong to numbers."""
        return ()

    def label(self, group: str, /) -> NamedRef:
        """Return the id and name of a number."""
        return self._directory.number(int(group)) if group else NO_NUMBER


class Users(Company):
    """A group for each user. Missed calls belong to numbers, not to users."""

    has_missed = False

    def group_of(self, reported: ReportedCall, /) -> str | None:
        """Return the id of the call's user, or None for missed calls and excluded users."""
        call = reported.call
        if call.direction == "inbound" and call.outcome == "missed":
            return None
        if call.user is None:
            return NO_USER.id
        return None if self._excludes(call.user.id) else str(call.user.id)

    def groups_of_user(self, time: TimeInState, /) -> Sequence[str]:
        """Return the user's id, unless the user is excluded."""
        return () if self._excludes(time.user_id) else (str(time.user_id),)

    def label(self, group: str, /) -> NamedRef:
        """Return the id and name of a user."""
        return self._directory.user(int(group)) if group else NO_USER


class Teams(Company):
    """A group for each team for which calls counted. Without assignments, no missed calls belong to them."""

    def __init__(self, directory: Directory, settings: Settings) -> None:
        """Resolve names in the settings with the directory."""
        super().__init__(directory, settings)
        self.has_missed = settings.map_users_to_numbers
        self._shown: dict[str, bool] = {}

    def group_of(self, reported: ReportedCall, /) -> str | None:
        """Return the id of the team, or None for excluded users, and teams that are not shown."""
        call, team_id = reported.call, reported.part
        missed = call.outcome == "missed"
        if missed and not self.has_missed:
            return None
        if not missed and call.user is not None and self._excludes(call.user.id):
            return None
        return team_id if self._is_shown(team_id) else None

    def groups_of_user(self, time: TimeInState, /) -> Sequence[str]:
        """Return the user's teams that are shown, unless the user is excluded."""
        return () if self._excludes(time.user_id) else tuple(filter(self._is_shown, time.team_ids))

    def rule_of(self, reported: ReportedCall, /) -> ServiceRule:
        """Return the rule of the team."""
        return self._rules.of_team(reported.part).service

    def label(self, group: str, /) -> NamedRef:
        """Return the id and name of a team."""
        return team_label(group, self._directory)

    def _is_shown(self, team_id: str) -> bool:
        """Return whether `teams` includes a team. It does not restrict groups."""
        shown = self._shown.get(team_id)
        if shown is None:
            chosen = self._settings.teams
            shown = not chosen or team_id.startswith(GROUP_PREFIX) or self.label(team_id).name in chosen
            self._shown[team_id] = shown
        return shown


class Tags(Company):
    """A group for each tag. A call counts for each of its tags, by the rule of its number."""

    def group_of(self, reported: ReportedCall, /) -> str | None:
        """Return the tag, or an empty text for calls without one."""
        return reported.part

    def groups_of_user(self, _: TimeInState, /) -> Sequence[str]:
        """Return no group: users do not belong to tags."""
        return ()

    def label(self, group: str, /) -> NamedRef:
        """Return the tag as id and name."""
        return NamedRef(group, group) if group else NO_TAG


GROUPINGS: dict[By, type[Company]] = {
    "company": Company,
    "team": Teams,
    "number": Numbers,
    "user": Users,
    "tag": Tags,
}
