"""What is worth saying of the polling, once: a log line that repeats itself is read by nobody."""

from collections.abc import Mapping

import structlog

from exporter.account.account import Account
from exporter.config import Settings
from exporter.durations import Duration
from exporter.planner.advice import advice
from exporter.planner.command import in_words
from exporter.planner.company import Company
from exporter.planner.plan import plan
from exporter.polling.schedule import BOARD

log = structlog.get_logger()

STRETCHED = 1.2
"""How many times its target a live interval has to be before that is worth a word."""

PAST_REMARK = 60.0
"""Seconds between two words on how much of the past is still to be read."""


class Remarks:
    """Says what is odd or new, each thing once."""

    def __init__(self) -> None:
        self._told_of: set[str] = set()
        self._stretching = False
        self._misspelt: tuple[str, ...] = ()
        self._planned_for: tuple[Settings, float] | None = None
        self._left_out = 0
        self._missing = 0
        self._clocks_differ = False
        self._missing_told_at = 0.0

    def oddities(self, account: Account) -> None:
        """What Aircall sends and cannot be read as it should be."""
        for kind, count in account.malformed.items():
            if count and kind not in self._told_of:
                self._told_of.add(kind)
                log.warning("some objects cannot be read and are left out", kind=kind)
        if account.ignored.count and "ignored" not in self._told_of:
            self._told_of.add("ignored")
            log.info("some calls are neither inbound nor outbound and are left out")
        for word in account.presence.strange_words - self._told_of:
            self._told_of.add(word)
            log.warning("a new word for an availability, shown as unknown", word=word)

    def clocks(self, machine_ahead: float) -> None:
        """Log by how many seconds the machine's clock leads `Date`; again only after they had agreed."""
        if machine_ahead and not self._clocks_differ:
            log.warning(
                "this machine's clock and Aircall's differ, the one is used that the calls do not contradict",
                machine=f"{Duration(round(abs(machine_ahead)))} {'ahead' if machine_ahead > 0 else 'behind'}",
            )
        self._clocks_differ = machine_ahead != 0

    def names(self, misspelt: tuple[str, ...]) -> None:
        """Names in the configuration that nobody has."""
        if misspelt and misspelt != self._misspelt:
            log.warning(
                "the configuration names somebody whom Aircall does not know", names="; ".join(misspelt)
            )
        self._misspelt = misspelt

    def left_out(self, users: int, limit: int) -> None:
        """Users without series of their own; again once there had been none."""
        if users and not self._left_out:
            log.warning(
                "more users than user_limit: the rest has no series of its own, only sums",
                user_limit=limit,
                left_out=users,
            )
        self._left_out = users

    def stretching(
        self, intervals: Mapping[str, float], targets: Mapping[str, float], complete: bool
    ) -> None:
        """Intervals that are longer than asked for, and again only after they were not."""
        stretch = max(intervals[name] / targets[name] for name in BOARD)
        if stretch <= 1.0 or not complete:
            self._stretching = False
        elif stretch > STRETCHED and not self._stretching:
            self._stretching = True
            log.warning(
                "the budget is too small for every target, intervals are stretched",
                **{name: f"{intervals[name]:.0f}s" for name in BOARD},
            )

    def plan(self, company: Company, settings: Settings, limit: float) -> None:
        """What the account at hand can have, once its size is known, and again where the limit is another."""
        if self._planned_for == (settings, limit):
            return
        self._planned_for = settings, limit
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
                if name in BOARD
            },
        )
        for change in advice(planned, settings):
            log.info("the budget is short; one way out", advice=change)

    def past(self, missing: int, now: float) -> None:
        """How many seconds of past calls are still to be read, every minute and when there are none left."""
        if missing and now - self._missing_told_at >= PAST_REMARK:
            self._missing_told_at = now
            log.info("reading past calls", hours_left=round(missing / 3600, 1))
        elif self._missing and not missing:
            self._missing_told_at = 0.0
            log.info("past calls have been read")
        self._missing = missing

    def no_room(self, already: bool) -> None:
        """The archive takes no more calls; `already` where that has been said."""
        if not already:
            log.warning("too many calls wait for the archive, later ones are read again once it works")
