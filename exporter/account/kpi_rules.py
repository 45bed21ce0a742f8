"""The rules by which the KPIs of a number or team are computed: the settings, with its overrides applied."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeVar

from msgspec import UnsetType

from exporter.account.directory import SINGLE_USERS, Directory
from exporter.account.teams import group_label
from exporter.aircall.models import Call
from exporter.config.settings import Override, Settings

T = TypeVar("T")

ABANDONED = ("short_abandoned", "abandoned_")
"""Prefixes of the missed reasons of calls that the caller ended (API reference, "Calls")."""


def is_abandoned(reason: str | None) -> bool:
    """Return whether a call with this missed reason was ended by the caller."""
    return reason is not None and reason.startswith(ABANDONED)


MISSED_WARNING, MISSED_CRITICAL = 0.25, 0.5
"""The shares of missed calls above which alerts fire if `missed_rate` does not say otherwise."""


@dataclass(frozen=True, slots=True)
class ServiceRule:
    """Which inbound calls count for a service level, and which of them were answered in time."""

    within: float
    """The longest time to answer, in seconds, that is in time."""
    ignore_abandoned_within: float
    """Calls whose caller gave up after waiting for fewer seconds do not count."""
    ignore_reasons: frozenset[str]
    """Calls that were missed for these reasons do not count."""

    def ignores(self, missed: Call) -> bool:
        """Return whether a missed call does not count."""
        if missed.missed_call_reason in self.ignore_reasons:
            return True
        return is_abandoned(missed.missed_call_reason) and missed.wait < self.ignore_abandoned_within


@dataclass(frozen=True, slots=True)
class KpiRules:
    """The rules in force for a number or team. Times are in seconds."""

    sla: float
    """The longest acceptable average time to answer; 0 if that is off."""
    warning: float
    """The wait from which a caller is shown in yellow."""
    critical: float
    """The wait from which a caller is shown in red."""
    service: ServiceRule
    target: float
    """The service level below which a number or team is marked; 0 if that is off."""
    missed_rate: float
    """The share of missed calls above which a number or team is marked; 0 if that is off."""
    abandoned_rate: float
    """The share of abandoned calls above which a number or team is marked; 0 if that is off."""

    @property
    def missed_alerts(self) -> tuple[float, float]:
        """The shares of missed calls above which alerts fire: a warning, and a critical alert."""
        warning = self.missed_rate or MISSED_WARNING
        return warning, max(warning, MISSED_CRITICAL)


def general_rules(settings: Settings) -> KpiRules:
    """Return the rules of numbers and teams without overrides."""
    return overridden(settings, Override())


def overridden(settings: Settings, override: Override) -> KpiRules:
    """Return the rules of a number or team with an override. Keys that it does not set are inherited."""
    wait, level = override.queue_wait, override.service_level
    critical = _first(wait.critical, settings.queue_wait.critical)
    within = settings.service_level.within if isinstance(level.within, UnsetType) else level.within
    return KpiRules(
        sla=_first(override.sla, settings.sla),
        warning=_first(wait.warning, settings.queue_wait.warning),
        critical=critical,
        service=ServiceRule(
            within=critical if within is None else within,
            ignore_abandoned_within=_first(
                level.ignore_abandoned_within, settings.service_level.ignore_abandoned_within
            ),
            ignore_reasons=frozenset(_first(level.ignore_reasons, settings.service_level.ignore_reasons)),
        ),
        target=_first(level.target, settings.service_level.target),
        missed_rate=_first(override.missed_rate, settings.thresholds.missed_rate),
        abandoned_rate=_first(override.abandoned_rate, settings.thresholds.abandoned_rate),
    )


class RuleBook:
    """The rules of each number and team. Names and ids in `overrides` are resolved with the directory."""

    def __init__(self, directory: Directory, settings: Settings) -> None:
        """Resolve the overrides of `settings`."""
        self.general = general_rules(settings)
        overrides = settings.overrides
        self._numbers = {
            number_id: overridden(settings, override)
            for name_or_id, override in overrides.numbers.items()
            for number_id in directory.find("numbers", name_or_id)
        }
        self._teams = {
            team_id: overridden(settings, override)
            for name_or_id, override in overrides.teams.items()
            for team_id in team_ids(directory, settings, name_or_id)
        }

    def of_number(self, number_id: int | None) -> KpiRules:
        """Return the rules of a number, or the general ones for a call without a number."""
        return self.general if number_id is None else self._numbers.get(number_id, self.general)

    def of_team(self, team_id: str) -> KpiRules:
        """Return the rules of a team or group."""
        return self._teams.get(team_id, self.general)


def team_ids(directory: Directory, settings: Settings, name_or_id: str | int) -> Iterator[str]:
    """Yield the ids of all teams and groups with this name or id."""
    yield from map(str, directory.find("teams", name_or_id))
    if name_or_id in SINGLE_USERS:
        yield SINGLE_USERS.id
    yield from (group_label(group.name).id for group in settings.groups if group.name == name_or_id)


def all_rules(settings: Settings) -> Iterator[KpiRules]:
    """Yield the general rules, then those of each override."""
    yield general_rules(settings)
    for by_name in (settings.overrides.numbers, settings.overrides.teams):
        yield from (overridden(settings, override) for override in by_name.values())


def service_rules(settings: Settings) -> tuple[ServiceRule, ...]:
    """Return the distinct rules of service levels, the general one first."""
    return tuple(dict.fromkeys(rules.service for rules in all_rules(settings)))


def wait_thresholds(settings: Settings) -> tuple[float, ...]:
    """Return the waits around which histograms have buckets: the thresholds of all numbers and teams."""
    return tuple(
        dict.fromkeys(
            seconds
            for rules in all_rules(settings)
            for seconds in (rules.warning, rules.critical, rules.service.within)
        )
    )


def _first(value: T | UnsetType, default: T) -> T:
    return default if isinstance(value, UnsetType) else value
