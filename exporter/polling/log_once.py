"""Log each unusual condition of polling once, not at every poll."""

import math
from collections.abc import Mapping, Set

import structlog

from exporter.account.account import Account
from exporter.account.failing_objects import ObjectKind, SetAside
from exporter.config.settings import Settings
from exporter.durations import Duration
from exporter.polling.company import Company
from exporter.polling.plan import in_words, plan
from exporter.polling.plan_advice import advice
from exporter.polling.schedule import CORE

log = structlog.get_logger()

STRETCHED_RATIO = 1.2
"""Ratio of a live interval to its target from which on it is logged."""

LIMIT_LOG_INTERVAL_S = 600.0
"""Seconds between two log lines about a changed request limit."""

BACKFILL_LOG_INTERVAL_S = 60.0
"""Seconds between two log lines about the progress of the backfill."""


class OnceLogger:
    """Log each condition when it begins."""

    def __init__(self, limit: float) -> None:
        """Begin with a limit in requests per minute, which is not logged."""
        self._limit = limit
        self._limit_logged_at = -math.inf
        self._logged: set[str] = set()
        self._set_aside: Set[ObjectKind] = frozenset()
        self._stretching = False
        self._unknown_names: tuple[str, ...] = ()
        self._planned_for: tuple[Settings, float] | None = None
        self._users_left_out = 0
        self._missing = 0
        self._clocks_differ = False
        self._missing_logged_at = 0.0

    def malformed(self, account: Account) -> None:
        """Log objects and values from Aircall that the exporter cannot use."""
        for kind, count in account.malformed.items():
            if count and kind not in self._logged:
                self._logged.add(kind)
                log.warning("malformed objects left out", kind=kind)
        for limit, times in account.limits.items():
            if times and f"limit {limit}" not in self._logged:
                self._logged.add(f"limit {limit}")
                log.warning("answers of Aircall truncated at a limit", limit=limit)
        if account.ignored.count and "ignored" not in self._logged:
            self._logged.add("ignored")
            log.info("calls of unknown direction left out")
        for availability in account.presence.unknown_states - self._logged:
            self._logged.add(availability)
            log.warning("unknown availability", availability=availability)

    def set_aside(self, aside: SetAside) -> None:
        """Log when objects of a kind are set aside, and when none of that kind is any more."""
        problems = aside.problems
        for kind in problems.keys() - self._set_aside:
            log.warning(
                "object set aside after repeated failures",
                kind=kind,
                problem=problems[kind],
            )
        for kind in self._set_aside - problems.keys():
            log.info("no object set aside any more", kind=kind)
        self._set_aside = problems.keys()

    def clocks(self, machine_ahead: float) -> None:
        """Log by how many seconds the machine's clock leads `Date`; again only after they had agreed."""
        if machine_ahead and not self._clocks_differ:
            log.warning(
                "clock of this machine differs from Aircall's; using the time that agrees with the calls",
                machine=f"{Duration(round(abs(machine_ahead)))} {'ahead' if machine_ahead > 0 else 'behind'}",
            )
        self._clocks_differ = machine_ahead != 0

    def unknown_names(self, names: tuple[str, ...]) -> None:
        """Log names in the configuration that no user or team has."""
        if names and names != self._unknown_names:
            log.warning("configuration names unknown users or teams", names="; ".join(names))
        self._unknown_names = names

    def user_limit(self, users: int, limit: int) -> None:
        """Log how many users have no series of their own; again only after there were none."""
        if users and not self._users_left_out:
            log.warning(
                "more users than user_limit; series of the others are summed",
                user_limit=limit,
                left_out=users,
            )
        self._users_left_out = users

    def stretched(self, intervals: Mapping[str, float], targets: Mapping[str, float], complete: bool) -> None:
        """Log live intervals that are longer than their targets; again only after they were not."""
        stretch = max(intervals[name] / targets[name] for name in CORE)
        if stretch <= 1.0 or not complete:
            self._stretching = False
        elif stretch > STRETCHED_RATIO and not self._stretching:
            self._stretching = True
            log.warning(
                "request budget too small for all targets; intervals increased",
                **{name: f"{intervals[name]:.0f}s" for name in CORE},
            )

    def limit(self, limit: float, ours: float, now: float) -> None:
        """Log a changed limit, at most once per `LIMIT_LOG_INTERVAL_S`.

        Args:
            limit: The company's requests per minute.
            ours: The exporter's share of them.
            now: UNIX time on our clock, in seconds.
        """
        if limit == self._limit or now - self._limit_logged_at < LIMIT_LOG_INTERVAL_S:
            return
        self._limit, self._limit_logged_at = limit, now
        log.info("request limit changed", limit=f"{limit:g}/min", ours=f"{ours:g}/min")

    def plan(self, company: Company, settings: Settings, limit: float) -> None:
        """Log the intervals that the budget allows, once the account's size is known or the limit changes."""
        if self._planned_for == (settings, self._limit):
            return
        self._planned_for = settings, self._limit
        planned = plan(company, settings, limit)
        log.info(
            "plan for this account",
            users=company.users,
            numbers=company.numbers,
            calls_per_hour=round(company.calls_per_hour),
            requests=f"{planned.requests:.0f} of {planned.budget:.0f}/min",
            **{
                name: f"every {in_words(reading.interval)}, {in_words(reading.worst_age)} old at most"
                for name, reading in planned.readings.items()
                if name in CORE
            },
        )
        for change in advice(planned, settings):
            log.info("request budget short", advice=change)

    def backfill_progress(self, missing: int, now: float) -> None:
        """Log how much of the past is still to be fetched: every minute, and when nothing is left."""
        if missing and now - self._missing_logged_at >= BACKFILL_LOG_INTERVAL_S:
            self._missing_logged_at = now
            log.info("backfill under way", hours_left=round(missing / 3600, 1))
        elif self._missing and not missing:
            self._missing_logged_at = 0.0
            log.info("backfill complete")
        self._missing = missing

    def queue_full(self, already: bool) -> None:
        """Log that the archive's queue is full, unless that was `already` logged."""
        if not already:
            log.warning("archive queue full; later calls are fetched again once the archive works")
