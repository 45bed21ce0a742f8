"""Test searches by the library, the command and the API: they find what a plain filter finds."""

import json
import sys
from collections import Counter
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
"""Categories of code points that Unicode does not assign to characters."""

SPECIAL = ("'", '"', "%", "_", "\\")


def parameters(criteria: Criteria) -> Texts:
    """Return the criteria as names and values of a query."""
    return [(name, text) for name, texts in texts_of(criteria).items() for text in texts]


def by_the_library(archived: Kept, criteria: Criteria) -> list[int]:
    with archived.archive.searching() as connection:
        assert totals(connection, criteria) == archived.totals(criteria)
    return [call.id for call in archived.archive.search(criteria)]


def by_the_command(archived: Kept, criteria: Criteria) -> list[int]:
    return found_by_command(archived.url, parameters(criteria))


def over_http(archived: Kept, criteria: Criteria) -> list[int]:
    answers = list(pages(archived.address, [*parameters(criteria), ("limit", "60")]))
    expected = json.loads(msgspec.json.encode(archived.totals(criteria)))
    assert all(answer["totals"] == expected for answer in answers)
    assert all(len(answer["calls"]) == 60 for answer in answers[:-1])
    return [call["id"] for answer in answers for call in answer["calls"]]


Way = Callable[[Kept, Criteria], list[int]]
WAYS: tuple[Way, ...] = (by_the_library, by_the_command, over_http)


@pytest.fixture(scope="module")
def archived(kept_archive: Kept) -> Iterator[Kept]:
    with served(kept_archive.archive) as address:
        kept_archive.address = address
        yield kept_archive


def several(*options: str) -> st.SearchStrategy[tuple[str, ...]]:
    """Draw one or two of the options."""
    return st.lists(st.sampled_from(options), min_size=1, max_size=2, unique=True).map(tuple)


def any_criteria(archived: Kept) -> st.SearchStrategy[Criteria]:
    """Draw at most three criteria with values that some calls have and others do not."""
    account = archived.account

    def ids_and_names(of: Any) -> list[str]:
        names = Counter(each.name for each in of.values())
        unshared = [name for name, count in names.items() if count == 1]  # shared names are rejected
        return [*unshared, *(str(each.id) for each in of.values())]

    def ids_names_and_both(of: Any) -> list[str]:
        return [*ids_and_names(of), *(f"{each.name} {each.id}" for each in of.values())]

    fields: dict[str, st.SearchStrategy[Any]] = {
        "since": st.integers(SINCE, int(NOON) + 900),
        "users": several(*ids_names_and_both(account.users), "999"),
        "teams": several(*ids_names_and_both(account.teams), "Single Users", "none", "No Such Team"),
        "numbers": several(*ids_names_and_both(account.numbers)),
        "directions": several("inbound", "outbound"),
        "assets": several("recording", "voicemail"),
        "missed": st.booleans(),
        "reasons": several("no_available_agent", "short_abandoned", "something_else"),
        "longer_than": st.integers(0, 300),
        "shorter_than": st.integers(0, 600),
        "tags": several("VIP", "100%", "O'Hara", "no such tag"),
        "callers": several("33", "1", "+44 77", "anonymous", "999999"),
        "texts": several("support", "a", "CALLED", "called  back", "a_b", "ünïcode", "no_avail", *SPECIAL),
    }
    chosen = st.lists(st.sampled_from(sorted(fields)), max_size=3, unique=True)
    values = chosen.flatmap(lambda names: st.fixed_dictionaries({name: fields[name] for name in names}))
    return values.map(lambda criteria: Criteria(**{"since": SINCE, "until": UNTIL, **criteria}))


@pytest.mark.parametrize("way", WAYS)
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_search_with_any_criteria_returns_the_calls_of_a_plain_filter(
    archived: Kept, way: Way, data: st.DataObject
) -> None:
    criteria = data.draw(any_criteria(archived))
    assert way(archived, criteria) == [call.id for call in archived.matching(criteria)]


SINGLE: list[dict[str, Any]] = [
    {"users": ("Vera Martin",)},
    {"users": ("456001", "Vera Martin")},
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
@pytest.mark.parametrize("criterion", SINGLE, ids=str)
def test_search_with_one_criterion_returns_some_calls_and_not_all(
    archived: Kept, way: Way, criterion: dict[str, Any]
) -> None:
    criteria = Criteria(SINCE, UNTIL, **criterion)
    expected = [call.id for call in archived.matching(criteria)]
    assert 0 < len(expected) < len(archived.calls)
    assert way(archived, criteria) == expected


def test_search_after_a_user_is_renamed_finds_the_new_name_only(new_database: Callable[[], str]) -> None:
    database = new_database()
    fill(database, calls=60)
    archive = Archive(database)
    found = list(archive.search(Criteria(START, END, users=("7",))))
    ids, before = {call.id for call in found}, found[0].user
    assert before
    assert list(archive.search(Criteria(START, END, users=(before,)))) == found
    archive.save(Batch(names={("user", "7"): "Zoë  Ångström"}))
    names: tuple[dict[str, Any], ...] = ({"texts": ("zoë ångström",)}, {"users": ("Zoë  Ångström",)})
    for name in names:
        assert {call.id for call in archive.search(Criteria(START, END, **name))} == ids
    assert not list(archive.search(Criteria(START, END, users=(before,))))


def test_search_by_a_group_returns_its_calls(new_database: Callable[[], str]) -> None:
    database = new_database()
    account = SimulatedAccount(users=6, calls_per_hour=0, start=NOON)
    group = Group(name="VIP desk", numbers=tuple(account.numbers)[:1])
    number = next(iter(account.numbers))
    with polled(account, archive=Archive(database), groups=(group,)) as world:
        world.live_until_complete()
        call = account.ring_in(number, "+33 1 11 11 11 11", at=world.time.now)
        account.miss(call.id, "short_abandoned", at=world.time.now + 5)
        world.live(60)
    for name in ("VIP desk", "group:VIP desk"):
        found = list(Archive(database).search(Criteria(SINCE, UNTIL, teams=(name,))))
        assert [each.id for each in found] == [call.id]
        assert "VIP desk" in found[0].teams


def test_call_history_view_equals_the_search_results(archived: Kept) -> None:
    with archived.archive.searching() as connection:
        rows = connection.execute(text("SELECT * FROM call_history")).mappings().all()
    view = {row["id"]: row for row in rows}
    for call in archived.archive.search(Criteria(SINCE, UNTIL)):
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
    """The archive folds the texts of calls, and PostgreSQL folds the text that a user enters on the board."""
    url = postgres_server.database("folded")
    Archive(url).load()
    characters = [char for char in map(chr, range(1, sys.maxunicode + 1)) if category(char) not in UNASSIGNED]
    characters += ["ΣΊΣΥΦΟΣ", " e\u0301\u0300 \u00a0\nÉ", "ǰ\u0323", "α\u0345", "İstanbul"]
    fold = text("SELECT folded(part) FROM unnest(CAST(:characters AS text[])) AS part")
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
