"""What is worth saying of the polling, once: a log line that repeats itself is read by nobody."""

import math
from collections.abc import Mapping, Set

import structlog

from exporter.account.account import Account
from exporter.account.set_aside import ObjectKind, SetAside
from exporter.config import Settings
from exporter.durations import Duration
from exporter.planner.advice import advice
from exporter.planner.command import in_words
from exporter.planner.company import Company
from exporter.planner.plan import plan
from exporter.polling.schedule import CORE

log = structlog.get_logger()

STRETCHED = 1.2
"""How many times its target a live interval has to be before that is worth a word."""

LIMIT_REMARK = 600.0
"""Seconds between two log lines about a changed request limit."""

BACKFILL_LOG_INTERVAL_S = 60.0
"""Seconds between two words on how much of the past is still to be read."""


class OnceLogger:
    """Says what is odd or new, each thing once."""

    def __init__(self, limit: float) -> None:
        """Begin with this limit of requests a minute, of which nothing is to be logged."""
        self._limit = limit
        self._limit_logged_at = -math.inf
        self._told_of: set[str] = set()
        self._set_aside: Set[ObjectKind] = frozenset()
        self._stretching = False
        self._misspelt: tuple[str, ...] = ()
        self._planned_for: tuple[Settings, float] | None = None
        self._left_out = 0
        self._missing = 0
        self._clocks_differ = False
        self._missing_told_at = 0.0

    def malformed(self, account: Account) -> None:
        """What Aircall sends and cannot be read as it should be."""
        for kind, count in account.malformed.items():
            if count and kind not in self._told_of:
                self._told_of.add(kind)
                log.warning("some objects cannot be read and are left out", kind=kind)
        for limit, times in account.limits.items():
            if times and f"limit {limit}" not in self._told_of:
                self._told_of.add(f"limit {limit}")
                log.warning("Aircall's answers exceed a limit, the rest is cut or left out", limit=limit)
        if account.ignored.count and "ignored" not in self._told_of:
            self._told_of.add("ignored")
            log.info("some calls are neither inbound nor outbound and are left out")
        for word in account.presence.unknown_states - self._told_of:
            self._told_of.add(word)
            log.warning("a new word for an availability, shown as unknown", word=word)

    def set_aside(self, aside: SetAside) -> None:
        """Objects that fail again and again, and once none of their kind does any more."""
        problems = aside.problems
        for kind in problems.keys() - self._set_aside:
            log.warning(
                "an object fails again and again, it is set aside and asked for rarely",
                kind=kind,
                problem=problems[kind],
            )
        for kind in self._set_aside - problems.keys():
            log.info("no object is set aside any more", kind=kind)
        self._set_aside = problems.keys()

    def clocks(self, machine_ahead: float) -> None:
        """Log by how many seconds the machine's clock leads `Date`; again only after they had agreed."""
        if machine_ahead and not self._clocks_differ:
            log.warning(
                "clock of this machine differs from Aircall's, the time is used that the calls agree with",
                machine=f"{Duration(round(abs(machine_ahead)))} {'ahead' if machine_ahead > 0 else 'behind'}",
            )
        self._clocks_differ = machine_ahead != 0

    def unknown_names(self, misspelt: tuple[str, ...]) -> None:
        """Names in the configuration that nobody has."""
        if misspelt and misspelt != self._misspelt:
            log.warning(
                "the configuration names somebody whom Aircall does not know", names="; ".join(misspelt)
            )
        self._misspelt = misspelt

    def user_limit(self, users: int, limit: int) -> None:
        """Users without series of their own; again once there had been none."""
        if users and not self._left_out:
            log.warning(
                "more users than user_limit: the rest has no series of its own, only sums",
                user_limit=limit,
                left_out=users,
            )
        self._left_out = users

    def stretched(self, intervals: Mapping[str, float], targets: Mapping[str, float], complete: bool) -> None:
        """Intervals that are longer than asked for, and again only after they were not."""
        stretch = max(intervals[name] / targets[name] for name in CORE)
        if stretch <= 1.0 or not complete:
            self._stretching = False
        elif stretch > STRETCHED and not self._stretching:
            self._stretching = True
            log.warning(
                "the budget is too small for every target, intervals are stretched",
                **{name: f"{intervals[name]:.0f}s" for name in CORE},
            )

    def limit(self, limit: float, ours: float, now: float) -> None:
        """Log a changed limit, once in a while: a limit that changes all the time is logged as it is then.

        Args:
            limit: The company's requests a minute.
            ours: The exporter's part of them.
            now: UNIX time on our clock, in seconds.
        """
        if limit == self._limit or now - self._limit_logged_at < LIMIT_REMARK:
            return
        self._limit, self._limit_logged_at = limit, now
        log.info("the request limit has changed", limit=f"{limit:g}/min", ours=f"{ours:g}/min")

    def plan(self, company: Company, settings: Settings, limit: float) -> None:
        """Log what the account can have, once its size is known, and again after a logged change of limit."""
        if self._planned_for == (settings, self._limit):
            return
        self._planned_for = settings, self._limit
        planned = plan(company, settings, limit)
        log.info(
            "what this account can have",
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
            log.info("the budget is short; one way out", advice=change)

    def backfill_progress(self, missing: int, now: float) -> None:
        """How many seconds of past calls are still to be read, every minute and when there are none left."""
        if missing and now - self._missing_told_at >= BACKFILL_LOG_INTERVAL_S:
            self._missing_told_at = now
            log.info("reading past calls", hours_left=round(missing / 3600, 1))
        elif self._missing and not missing:
            self._missing_told_at = 0.0
            log.info("past calls have been read")
        self._missing = missing

    def queue_full(self, already: bool) -> None:
        """The archive takes no more calls; `already` where that has been said."""
        if not already:
            log.warning("too many calls wait for the archive, later ones are read again once it works")
