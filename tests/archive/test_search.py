"""Each criterion, alone and combined, finds what a plain filter over the plan finds, from each client."""

import json
import sys
from collections.abc import Callable, Iterator
from typing import Any
from unicodedata import category

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import create_engine, text

from exporter.account.records import Batch
from exporter.archive.criteria import Criteria
from exporter.archive.search import totals
from exporter.archive.store import Archive
from exporter.archive.text_index import normalize
from exporter.config.settings import Group
from exporter.simulator.simulation import SimulatedAccount
from harness.archived_calls import END, START, fill
from harness.postgres import Postgres
from harness.simulated_time import NOON, polled
from tests.support.filled_archive import SINCE, UNTIL, Kept, texts_of
from tests.support.search_ways import Texts, found_by_command, pages, served

UNASSIGNED = ("Cn", "Co", "Cs")
"""Categories of code points without a character of Unicode's."""

NASTY = ("'", '"', "%", "_", "\\")


def written(criteria: Criteria) -> Texts:
    return [(name, text) for name, texts in texts_of(criteria).items() for text in texts]


def as_a_library(kept: Kept, criteria: Criteria) -> list[int]:
    with kept.archive.searching() as connection:
        assert totals(connection, criteria) == kept.totals(criteria)
    return [call.id for call in kept.archive.search(criteria)]


def by_the_command(kept: Kept, criteria: Criteria) -> list[int]:
    return found_by_command(kept.url, written(criteria))


def over_http(kept: Kept, criteria: Criteria) -> list[int]:
    answers = list(pages(kept.address, [*written(criteria), ("limit", "60")]))
    expected = json.loads(msgspec.json.encode(kept.totals(criteria)))
    assert all(answer["totals"] == expected for answer in answers)
    assert all(len(answer["calls"]) == 60 for answer in answers[:-1])
    return [call["id"] for answer in answers for call in answer["calls"]]


Way = Callable[[Kept, Criteria], list[int]]
WAYS: tuple[Way, ...] = (as_a_library, by_the_command, over_http)


@pytest.fixture(scope="module")
def kept(kept_archive: Kept) -> Iterator[Kept]:
    with served(kept_archive.archive) as address:
        kept_archive.address = address
        yield kept_archive


def several(*options: str) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(st.sampled_from(options), min_size=1, max_size=2, unique=True).map(tuple)


def any_criteria(kept: Kept) -> st.SearchStrategy[Criteria]:
    """Draw a few criteria: most calls match some of them, none matches all."""
    account = kept.account

    def ids_and_names(of: Any) -> list[str]:
        return [text for each in of.values() for text in (str(each.id), each.name)]

    def and_both(of: Any) -> list[str]:
        return [*ids_and_names(of), *(f"{each.name} {each.id}" for each in of.values())]

    fields: dict[str, st.SearchStrategy[Any]] = {
        "since": st.integers(SINCE, int(NOON) + 900),
        "users": several(*and_both(account.users), "999"),
        "teams": several(*and_both(account.teams), "Single Users", "none", "Nobody's"),
        "numbers": several(*and_both(account.numbers)),
        "directions": several("inbound", "outbound"),
        "assets": several("recording", "voicemail"),
        "missed": st.booleans(),
        "reasons": several("no_available_agent", "short_abandoned", "something_else"),
        "longer_than": st.integers(0, 300),
        "shorter_than": st.integers(0, 600),
        "tags": several("VIP", "100%", "O'Hara", "nobody's"),
        "callers": several("33", "1", "+44 77", "anonymous", "999999"),
        "texts": several("support", "a", "CALLED", "called  back", "a_b", "ünïcode", "no_avail", *NASTY),
    }
    chosen = st.lists(st.sampled_from(sorted(fields)), max_size=3, unique=True)
    values = chosen.flatmap(lambda names: st.fixed_dictionaries({name: fields[name] for name in names}))
    return values.map(lambda criteria: Criteria(**{"since": SINCE, "until": UNTIL, **criteria}))


@pytest.mark.parametrize("way", WAYS)
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_search_with_any_criteria_returns_the_calls_of_a_plain_filter(
    kept: Kept, way: Way, data: st.DataObject
) -> None:
    criteria = data.draw(any_criteria(kept))
    assert way(kept, criteria) == [call.id for call in kept.matching(criteria)]


ALONE: list[dict[str, Any]] = [
    {"users": ("Vera Martin",)},
    {"users": ("456001", "Anna Schmidt")},
    {"teams": ("Support",)},
    {"teams": ("Single Users", "Sales")},
    {"numbers": ("UK Office",)},
    {"directions": ("outbound",)},
    {"missed": True},
    {"missed": False},
    {"reasons": ("no_available_agent", "short_abandoned")},
    {"assets": ("recording",)},
    {"assets": ("voicemail",)},
    {"longer_than": 120},
    {"shorter_than": 120},
    {"tags": ("O'Hara", "100%")},
    {"callers": ("33",)},
    {"callers": ("+44 77",)},
    {"callers": ("anonymous",)},
    {"texts": ("called  BACK",)},
    {"texts": ("office",)},
]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("alone", ALONE, ids=str)
def test_search_with_one_criterion_returns_some_calls_and_not_all(
    kept: Kept, way: Way, alone: dict[str, Any]
) -> None:
    criteria = Criteria(SINCE, UNTIL, **alone)
    expected = [call.id for call in kept.matching(criteria)]
    assert 0 < len(expected) < len(kept.calls)
    assert way(kept, criteria) == expected


def test_search_after_a_user_is_renamed_finds_the_new_name_only(new_database: Callable[[], str]) -> None:
    database = new_database()
    fill(database, calls=60)
    archive = Archive(database)
    ids = {call.id for call in archive.search(Criteria(START, END, users=("7",)))}
    assert ids
    archive.save(Batch(names={("user", "7"): "Zoë  Ångström"}))
    for wanted in ({"texts": ("zoë ångström",)}, {"users": ("Zoë  Ångström",)}):
        assert {call.id for call in archive.search(Criteria(START, END, **wanted))} == ids


def test_search_by_a_group_returns_its_calls(new_database: Callable[[], str]) -> None:
    database = new_database()
    account = SimulatedAccount(users=6, calls_per_hour=0, start=NOON)
    group = Group(name="VIP desk", numbers=[number.id for number in account.numbers.values()][:1])
    number = next(iter(account.numbers))
    with polled(account, archive=Archive(database), groups=(group,)) as world:
        world.live_until_complete()
        call = account.ring_in(number, "+33 1 11 11 11 11", at=world.time.now)
        account.miss(call.id, "short_abandoned", at=world.time.now + 5)
        world.live(60)
    for wanted in ("VIP desk", "group:VIP desk"):
        found = list(Archive(database).search(Criteria(SINCE, UNTIL, teams=(wanted,))))
        assert [each.id for each in found] == [call.id]
        assert "VIP desk" in found[0].teams


def test_call_history_view_equals_the_search_results(kept: Kept) -> None:
    with kept.archive.searching() as connection:
        rows = connection.execute(text("SELECT * FROM call_history")).mappings().all()
    view = {row["id"]: row for row in rows}
    for call in kept.archive.search(Criteria(SINCE, UNTIL)):
        row = view[call.id]
        assert (row["user_name"], row["number_name"], row["assigned_to"]) == (
            call.user,
            call.number,
            call.assigned_to,
        )
        assert (row["tags"], row["comments"]) == (", ".join(call.tags), " / ".join(call.comments))
        assert sorted(filter(None, row["teams"].split(", "))) == list(call.teams)
        for name in ("direction", "status", "outcome", "missed_call_reason", "caller", "asset"):
            assert (row[name] or "") == getattr(call, name)
        for name in ("started_at", "time_to_answer", "talk_time", "duration", "recorded", "voicemail"):
            assert row[name] == getattr(call, name)


def test_folded_on_postgresql_equals_normalize_for_every_character(postgres_server: Postgres) -> None:
    """The archive folds the texts of calls, and PostgreSQL the text that is written on the board."""
    url = postgres_server.database("folded")
    Archive(url).load()
    characters = [sign for sign in map(chr, range(1, sys.maxunicode + 1)) if category(sign) not in UNASSIGNED]
    characters += ["ΣΊΣΥΦΟΣ", " e\u0301\u0300 \u00a0\nÉ", "ǰ\u0323", "α\u0345", "İstanbul"]
    fold = text("SELECT folded(sign) FROM unnest(CAST(:characters AS text[])) AS sign")
    engine = create_engine(url)
    with engine.connect() as connection:
        found = connection.scalars(fold, {"characters": characters}).all()
    engine.dispose()
    differing = [pair for pair in zip(found, map(normalize, characters), strict=True) if len(set(pair)) > 1]
    assert differing == []


@pytest.mark.parametrize(
    ("written", "folded"),
    [
        ("Straße", "strasse"),
        ("e\u0301te\u0301", "\u00e9t\u00e9"),
        ("  called\n\tback ", "called back"),
        ("ΣΊΣΥΦΟΣ", "σίσυφοσ"),
    ],
)
def test_normalize_of_variants_in_case_accents_and_spaces_is_equal(written: str, folded: str) -> None:
    assert normalize(written) == folded == normalize(folded)
