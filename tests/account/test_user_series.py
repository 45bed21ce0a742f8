"""Tests of counters by user: no series falls, ends or counts twice if users join or leave."""

from itertools import count
from unittest.mock import patch

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.account import archiving, id_limits
from exporter.account.account import Account
from exporter.account.buckets import answer_time_buckets
from exporter.account.counter_totals import Totals, increments
from exporter.account.current_board import current_board
from exporter.account.records import LoadedState, SaveResult
from exporter.account.removal_detector import Listed
from exporter.account.user_series import SavedUserSeries
from exporter.aircall.models import Call, CallDetails, CallWithDetails, Page, Ref, User
from exporter.config.settings import Settings, Webhook
from exporter.metrics import counters
from harness.reference_exposition import buckets

START = 1_780_000_000
USER_IDS = range(1, 8)
USERS = st.sampled_from(USER_IDS)
LIMITS = st.integers(1, 6)
Series = dict[tuple, float]
HELD = counters.USER_HOLD.name
NAMES = ("user", "number")
"""Labels whose values change with a name."""

STEPS = (
    st.tuples(st.just("join"), USERS),
    st.tuples(st.just("join"), USERS),
    st.tuples(st.just("leave"), USERS),
    st.tuples(st.just("talk"), USERS),
    st.tuples(st.just("talk"), USERS),
    st.tuples(st.just("talk"), USERS),
    st.tuples(st.just("hold"), USERS),
    st.tuples(st.just("ring"), USERS),
    st.tuples(st.just("limit"), LIMITS),
    st.tuples(st.just("restart"), st.booleans()),
    st.tuples(st.just("restart_with"), LIMITS),
)
LOSSES = (
    st.tuples(st.just("back_up"), st.none()),
    st.tuples(st.just("replace_archive"), st.sampled_from(["identical", "older", "empty"])),
)
EXCLUSIONS = (
    st.tuples(st.just("exclude"), st.frozensets(USERS, max_size=3)),
    st.tuples(st.just("replace_archive"), st.just("identical")),
)
steps = st.lists(st.one_of(*STEPS, *LOSSES), max_size=40)
steps_with_exclusions = st.lists(st.one_of(*STEPS, *EXCLUSIONS), max_size=40)
EXCLUDED_BY = (lambda user: user, lambda user: f"User {user}", lambda user: f"USER.{user}@example.com")
"""Ways to name a user in `exclude_users`: by id, name or e-mail address."""


def page(items: list) -> Page:
    return Page(tuple(items), 0, frozenset(getattr(item, "id", 0) for item in items), None)


class Company:
    """An account and a plain archive; each step of a script is a method."""

    def __init__(self, limit: int) -> None:
        self.settings = Settings(user_limit=limit, webhook=Webhook(token="a token"))
        self.present: set[int] = set()
        self.listed: set[int] = set()
        """The users in the lists of this run."""
        self.excluded: frozenset[int] = frozenset()
        self.ever_excluded: set[str] = set()
        self.totals: dict[tuple, int] = {}
        self.user_series: bytes | None = None
        self.names: dict = {}
        self.call_ids = count(1)
        self.counted = self.rings = 0
        self.before: Series = {}
        self.back_up()
        self.restart(True)

    def back_up(self, _: None = None) -> None:
        self.backup = dict(self.totals), self.user_series

    def replace_archive(self, kind: str) -> None:
        """Replace the archive while the exporter runs; all calls are fetched and counted again.

        Another archive may hold counts that were exposed for another user, or for `others`.
        """
        if kind != "identical":
            self.before = {series: n for series, n in self.before.items() if series[0] == HELD}
        now = self.totals, self.user_series
        totals, self.user_series = {"identical": now, "older": self.backup, "empty": ({}, None)}[kind]
        archiving.begin_again(self.account)
        archiving.restore(self.account, self._memory(totals))
        self.account.mark_calls_fetched(START - 900, START)
        self.account.ledger.count(self.totals)
        self.save()
        self.expose()

    def join(self, user: int) -> None:
        self.present.add(user)
        self._read_users()

    def leave(self, user: int) -> None:
        self.present.discard(user)
        self._read_users()
        self._read_users()

    def talk(self, user: int) -> None:
        self.counted += 1
        call = Call(next(self.call_ids), "inbound", "done", START, START + 1, START + 3, user=Ref(user))
        self.account.apply_call_page(page([CallWithDetails(call, CallDetails())]), START)

    def hold(self, user: int) -> None:
        """Count a second on hold, as events do. Such counters begin at 0 at each start."""
        for key in (("hold_count", str(user)), ("hold_sum", str(user))):
            self.held[key] = self.account.event_stats.totals[key] = self.held.get(key, 0) + 1
            self.account.changes.totals |= self.account.ledger.count({key: self.held[key]})

    def ring(self, user: int) -> None:
        """Count a ring that the user missed, as events do."""
        self.rings += 1
        call = Call(next(self.call_ids), "inbound", "done", START, None, START + 3)
        self.account.ledger.add_ring_attempts(call, [(("ring_attempts", str(user), "missed"), 1)])

    def limit(self, limit: int) -> None:
        self.settings = msgspec.structs.replace(self.settings, user_limit=limit)
        self.account.configure(self.settings)

    def exclude(self, users: frozenset[int]) -> None:
        """Exclude these users, and no others."""
        names = tuple(EXCLUDED_BY[user % len(EXCLUDED_BY)](user) for user in sorted(users))
        self.settings = msgspec.structs.replace(self.settings, exclude_users=names)
        self.account.configure(self.settings)
        self.excluded = users
        self.ever_excluded |= {str(user) for user in users}

    def _certainly_excluded(self) -> set[str]:
        """Return the ids of the excluded users whose name, or e-mail address, is known."""
        known = {0: set(USER_IDS), 1: {int(id_) for _, id_ in self.names}, 2: self.listed}
        return {str(user) for user in self.excluded if user in known[user % len(EXCLUDED_BY)]}

    def restart(self, users_first: bool) -> None:
        """Restart; the users are fetched before or after the counters are exposed."""
        account = self.account = Account(self.settings)
        self.held: dict[tuple, int] = {}
        self.listed = set()
        self.before = {series: n for series, n in self.before.items() if series[0] != HELD}
        account.ledger.counted_from = 0
        archiving.restore(account, self._memory(self.totals))
        if users_first:
            self._read_users()
        account.advance_to(START)
        account.mark_calls_fetched(START - 900, START)
        self.save()
        self.expose()
        self._read_users()

    def _memory(self, totals: dict[tuple, int]) -> LoadedState:
        saved = self.user_series
        series = None if saved is None else msgspec.json.decode(saved, type=SavedUserSeries)
        return LoadedState(list(totals.items()), names=self.names, user_series=series)

    def restart_with(self, limit: int) -> None:
        """Restart with another limit, which no earlier run had."""
        self.settings = msgspec.structs.replace(self.settings, user_limit=limit)
        self.restart(True)

    def _read_users(self) -> None:
        users = [User(id_, f"User {id_}", f"user.{id_}@example.com") for id_ in self.present]
        self.listed |= self.present
        self.account.reference_data.apply_users_page(page(users))
        self.account.reference_data.finish_users(Listed(set(self.present), START))

    def save(self) -> None:
        batch = archiving.take_batch(self.account)
        for addition in batch.counted_calls:
            for key, more in addition.increments:
                self.totals[key] = self.totals.get(key, 0) + more
        if batch.user_series is not None:
            self.user_series = msgspec.json.encode(batch.user_series)
        self.names |= batch.names
        changed = {key: self.totals[key] for added in batch.counted_calls for key, _ in added.increments}
        result = SaveResult(tuple(batch.counted_calls), changed, ring_attempts=batch.ring_attempts)
        archiving.batch_saved(self.account, result, batch.progress)

    def expose(self) -> None:
        """Expose the counters, compare them with the previous ones, and save.

        The series of a user who is excluded, or may be, end. They continue once the user is shown again.
        """
        board = current_board(self.account, 0.0)
        now: Series = {}
        for row in board.counters.users:
            for family, labels, value in counters.user_samples(row):
                ids = [text for name, text in zip(family.labels, labels, strict=True) if name not in NAMES]
                now[family.name, *ids] = value if isinstance(value, int) else getattr(value, "seconds", 0)
        shown = {row.user.id for row in board.counters.users}
        assert shown.isdisjoint(self._certainly_excluded())
        without_list = self.excluded and not self.listed
        for series, value in self.before.items():
            may_be_hidden = without_list or not self.ever_excluded.isdisjoint(series)
            if series not in now and may_be_hidden and "others" not in series:
                now[series] = value
            assert value <= now.get(series, 0), series
        calls = {series: n for series, n in now.items() if series[0] == "aircall_calls_total"}
        assert sum(calls.values()) == self.counted
        held = [n for series, n in now.items() if series[0] == HELD]
        assert sum(held) == sum(n for key, n in self.held.items() if key[0] == "hold_sum")
        rings = [n for series, n in now.items() if series[0] == counters.USER_RING_ATTEMPTS.name]
        assert sum(rings) == self.rings
        talk_seconds = [n for series, n in now.items() if series[0] == "aircall_user_talk_seconds"]
        assert sum(talk_seconds) == 2 * self.counted
        self.before = now
        self.save()


@settings(max_examples=300)
@given(LIMITS, steps)
def test_user_counters_users_join_or_leave_never_fall_and_sum_to_all_calls(limit: int, script: list) -> None:
    company, most = Company(limit), limit
    for step, argument in script:
        getattr(company, step)(argument)
        most = max(most, company.settings.user_limit)
        company.save()
        company.expose()
        own = {row.user.id for row in current_board(company.account, 0.0).counters.users} - {"", "others"}
        assert len(own) <= most


@settings(max_examples=300)
@given(LIMITS, steps_with_exclusions)
def test_user_counters_exclusions_change_never_fall_and_sum_to_all_calls(limit: int, script: list) -> None:
    company = Company(limit)
    for step, argument in script:
        getattr(company, step)(argument)
        company.save()
        company.expose()


@given(LIMITS, steps, st.integers(0, 5), st.integers(0, 3))
def test_user_counters_few_ids_are_kept_never_fall_and_sum_to_all_calls(
    limit: int, script: list, most: int, unlisted: int
) -> None:
    with (
        patch.object(id_limits, "MAX_IDENTITIES", most),
        patch.object(id_limits, "MAX_UNLISTED", unlisted),
    ):
        company = Company(limit)
        for step, argument in script:
            getattr(company, step)(argument)
            company.save()
            company.expose()
        counted = {key[1] for key in company.totals} - {"", "others"}
        assert len(counted) <= most


@given(
    st.lists(
        st.tuples(st.sampled_from([1, 7, 10, 20, 25]), st.lists(st.integers(0, 400), max_size=4)), min_size=1
    )
)
def test_histograms_queue_thresholds_change_at_a_start_never_fall(
    starts: list[tuple[int, list[int]]],
) -> None:
    counts: dict[tuple, int] = {}
    before: dict[str, float] = {}
    for critical, waits in starts:
        bounds, totals = answer_time_buckets((critical / 2, critical)), Totals(counts.items())
        for waited in waits:
            call = Call(1, "inbound", "done", START, START + waited, START + waited, number=Ref(3))
            for key, more in increments(call, bounds):
                counts[key] = counts.get(key, 0) + more
            totals.update(counts.items())
            spread = totals.histograms(("number", "3"), "answer", bounds)[()]
            now: dict[str, float] = {"sum": spread.sum} | {bucket[0]: bucket[1] for bucket in buckets(spread)}
            assert now["+Inf"] == sum(n for key, n in counts.items() if key[0] == "calls")
            assert all(value <= now.get(series, value) for series, value in before.items())
            before |= now
