"""Each criterion, alone and combined, finds what a plain filter over the account's calls finds."""

import csv
import io
import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exporter.archive import listing
from exporter.archive.criteria import Criteria, CriterionError
from exporter.archive.reading import moment
from exporter.archive.search import FoundCall
from exporter.archive.store import Archive
from exporter.archive.words import fold
from exporter.demo.calls import SimulatedCall
from exporter.demo.simulation import SimulatedAccount
from tests.archive.postgres import Postgres
from tests.simulated_time import NOON, polled

PERIOD = Criteria(int(NOON) - 900, int(NOON) + 10_000)
NASTY = ["'", '"', "%", "_", "\\", "'; DROP TABLE calls; --", "../../etc/passwd", "\x00", "\x1b[31m", "ñ"]


class Kept:
    """An archive of a busy while, and the account that it was read from."""

    def __init__(self, database: str) -> None:
        self.account = SimulatedAccount(users=24, calls_per_hour=300, seed=5, start=NOON)
        with polled(self.account, archive=Archive(database)) as world:
            world.live_until_complete()
            world.live(900)
            for position, call in enumerate(list(self.account.calls.values())[-60:]):
                self.account.tag(call.id, ("VIP", "100%", "O'Hara")[position % 3])
                self.account.comment(call.id, ("called back", "a_b", "Ünïcode")[position % 3])
            world.freeze()
            world.poller.account.history.covered = ()
            world.poll()
            world.live(60)
        self.archive = Archive(database)
        self.calls = [c for c in self.account.calls.values() if c.started_at >= NOON - 900]

    def matching(self, criteria: Criteria) -> set[int]:
        return {call.id for call in self.calls if self._matches(call, criteria)}

    def _matches(self, call: SimulatedCall, wanted: Criteria) -> bool:
        length = None if call.ended_at is None else call.ended_at - call.started_at
        missed = call.missed_call_reason is not None
        tags, comments = [name for name, _ in call.tags], [text for text, _ in call.comments]
        names = [call.user.name if call.user else "", call.number.name if call.number else ""]
        hay = [call.raw_digits, call.missed_call_reason or "", *tags, *comments, *names]
        digits = "".join(sign for sign in call.raw_digits if sign.isdigit())
        return all(
            (
                wanted.since <= call.started_at <= wanted.until,
                not wanted.users or {str(call.user_id), names[0]} & set(wanted.users) - {""},
                not wanted.numbers or {str(call.number_id), names[1]} & set(wanted.numbers) - {""},
                not wanted.directions or call.direction in wanted.directions,
                not wanted.assets
                or ("recording" in wanted.assets and call.recorded)
                or ("voicemail" in wanted.assets and call.voicemail),
                wanted.missed is None or (call.ended_at is not None and missed == wanted.missed),
                not wanted.reasons or call.missed_call_reason in wanted.reasons,
                wanted.longer_than is None or (length is not None and length > wanted.longer_than),
                wanted.shorter_than is None or (length is not None and length < wanted.shorter_than),
                not wanted.tags or set(tags) & set(wanted.tags),
                not wanted.callers or any(c in digits or c == call.raw_digits for c in wanted.callers),
                not wanted.texts or any(fold(text) in fold(each) for text in wanted.texts for each in hay),
            )
        )


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def kept(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Kept:
    if request.param == "sqlite":
        return Kept(f"sqlite:///{tmp_path_factory.mktemp('search')}/archive.sqlite")
    server: Postgres = request.getfixturevalue("postgres_server")
    return Kept(server.database("search"))


def several(*options: str) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(st.sampled_from(options), max_size=2, unique=True).map(tuple)


def found(kept: Kept, criteria: Criteria) -> set[int]:
    listed = list(kept.archive.search(criteria))
    order = [(call.started_at, call.id) for call in listed]
    assert order == sorted(order, reverse=True)
    return {call.id for call in listed}


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_search_finds_what_a_plain_filter_finds(kept: Kept, data: st.DataObject) -> None:
    users = [str(user.id) for user in kept.account.users.values()]
    names = [user.name for user in kept.account.users.values()]
    numbers = [number.name for number in kept.account.numbers.values()]
    start = data.draw(st.integers(int(NOON) - 900, int(NOON) + 900))
    criteria = Criteria(
        since=data.draw(st.sampled_from([PERIOD.since, start])),
        until=PERIOD.until,
        users=data.draw(several(*users, *names)),
        numbers=data.draw(several(*numbers)),
        directions=data.draw(several("inbound", "outbound")),
        assets=data.draw(several("recording", "voicemail")),
        missed=data.draw(st.sampled_from([None, None, True, False])),
        reasons=data.draw(several("no_available_agent", "short_abandoned", "something_else")),
        longer_than=data.draw(st.none() | st.integers(0, 300)),
        shorter_than=data.draw(st.none() | st.integers(0, 600)),
        tags=data.draw(several("VIP", "100%", "O'Hara", "nobody's")),
        callers=data.draw(several("33", "1", "anonymous", "999999")),
        texts=data.draw(several("support", "a", "called", "100%", "a_b", *NASTY[:5])),
    )
    assert found(kept, criteria) == kept.matching(criteria)


@pytest.mark.parametrize(
    "change",
    [
        {"users": ("Vera Martin",)},
        {"directions": ("outbound",)},
        {"missed": True},
        {"assets": ("voicemail",)},
        {"longer_than": 120},
        {"tags": ("O'Hara",)},
        {"callers": ("33",)},
        {"texts": ("called back",)},
    ],
    ids=str,
)
def test_each_criterion_finds_some_and_not_all(kept: Kept, change: dict) -> None:
    criteria = Criteria(PERIOD.since, PERIOD.until, **change)
    assert 0 < len(found(kept, criteria)) < len(kept.calls)
    assert found(kept, criteria) == kept.matching(criteria)


def test_by_team(kept: Kept) -> None:
    team = next(iter(kept.account.teams.values()))
    listed = found(kept, Criteria(PERIOD.since, PERIOD.until, teams=(team.name,), directions=("outbound",)))
    own = {
        c.id for c in kept.calls if c.direction == "outbound" and c.user_id in team.user_ids and c.ended_at
    }
    assert listed == own


@pytest.mark.parametrize("criterion", ["users", "teams", "numbers", "reasons", "tags", "callers", "texts"])
@pytest.mark.parametrize("text", NASTY)
def test_no_text_does_harm(kept: Kept, criterion: str, text: str) -> None:
    try:
        found(kept, Criteria(PERIOD.since, PERIOD.until, **{criterion: (text,)}))
    except CriterionError:
        assert text == "\x00"
    assert found(kept, PERIOD) == {call.id for call in kept.calls}


def calls(directory: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "exporter", f"--storage.path={directory}", "calls", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("command")
    Kept(f"sqlite:///{directory}/archive.sqlite")
    return directory


DAY = ("--from=2026-05-28", "--to=2026-05-30", "--utc")


def test_the_command_prints_json_csv_and_a_table(directory: Path) -> None:
    as_json = calls(directory, *DAY, "--missed", "--format=json")
    rows = [json.loads(line) for line in as_json.stdout.splitlines()]
    assert (as_json.returncode, as_json.stderr) == (0, "")
    assert rows
    assert {row["outcome"] for row in rows} == {"missed"}
    assert datetime.fromisoformat(rows[0]["started_at"]).tzinfo is not None
    as_csv = list(csv.DictReader(io.StringIO(calls(directory, *DAY, "--missed", "--format=csv").stdout)))
    assert [row["id"] for row in as_csv] == [str(row["id"]) for row in rows]
    table = calls(directory, *DAY, "--missed").stdout
    assert len(table.splitlines()) > len(rows)
    limited = calls(directory, *DAY, "--limit=3", "--format=json")
    assert len(limited.stdout.splitlines()) == 3


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ([*DAY, "--tag=nobody's"], 1, ""),
        (["--to=now"], 2, "--from"),
        (["--from=yesterday"], 2, '--from: found "yesterday", wanted a time such as 2026-11-23'),
        ([*DAY, "--longer-than=5"], 2, '--longer-than: found "5", wanted a duration such as 10s'),
        ([*DAY, "--direction=up"], 2, "invalid choice: 'up'"),
    ],
)
def test_exit_codes_for_scripts(directory: Path, arguments: list[str], code: int, said: str) -> None:
    done = calls(directory, *arguments)
    assert done.returncode == code
    assert said in done.stderr
    assert done.stderr.count("\n") == (1 if said else 0)


def test_without_an_archive_the_command_says_so(tmp_path: Path) -> None:
    done = calls(tmp_path / "none", *DAY)
    assert (done.returncode, "has no call archive; name the exporter's --storage.path" in done.stderr) == (
        2,
        True,
    )
    assert not (tmp_path / "none").exists()


def test_times_as_people_write_them() -> None:
    now = 1_780_000_000.0
    assert moment("now", now, UTC) == now
    assert moment("2h", now, UTC) == now - 7200
    assert moment("2026-05-28T20:26:40", now, UTC) == now
    assert moment("2026-05-28T22:26:40+02:00", now, UTC) == now
    assert moment("2026-05-28", now, UTC) == datetime(2026, 5, 28, tzinfo=UTC).timestamp()


def test_nothing_in_a_call_becomes_a_formula_or_a_command(capsys: pytest.CaptureFixture[str]) -> None:
    evil = FoundCall(
        id=1,
        direction="inbound",
        status="done",
        outcome="missed",
        missed_call_reason="",
        started_at=0,
        answered_at=None,
        ended_at=5,
        time_to_answer=None,
        talk_time=None,
        duration=5,
        user_id=1,
        user="=1+1",
        number_id=1,
        number="@x",
        caller="+33 1 22",
        assigned_to="",
        teams=("\x1b[2J",),
        tags=("-x", "\x1b[2J"),
        comments=(),
        recorded=False,
        voicemail=False,
        asset="",
    )
    listing.as_csv([evil], UTC)
    row = next(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert (row["user"], row["number"], row["caller"]) == ("'=1+1", "'@x", "+33 1 22")
    assert row["tags"].startswith("'-x")
    listing.as_table([evil], UTC)
    assert "\x1b[2J" not in capsys.readouterr().out
