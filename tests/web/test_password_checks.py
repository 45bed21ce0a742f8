"""Checks of passwords without HTTP: how much work each takes, and in which order they are made."""

import asyncio
import subprocess
import sys
from collections import Counter
from collections.abc import Coroutine
from typing import Any, TypeVar

import bcrypt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.web import passwords
from exporter.web.passwords import Passwords, bcrypt_cost, verify

T = TypeVar("T")

HASHES = {cost: bcrypt.hashpw(b"right", bcrypt.gensalt(cost)).decode() for cost in range(4, 7)}
COSTS = st.dictionaries(st.sampled_from(["anna", "ben", "carla"]), st.sampled_from(list(HASHES)), min_size=1)


class Work:
    """Counts the bcrypt rounds that are made, and the passwords that they are made for."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.rounds = 0
        self.checked: Counter[bytes] = Counter()
        self._check = bcrypt.checkpw
        monkeypatch.setattr(bcrypt, "checkpw", self)

    def __call__(self, password: bytes, hashed: bytes) -> bool:
        self.rounds += 2 ** bcrypt_cost(hashed.decode())
        self.checked[password] += 1
        return self._check(password, hashed)


def run(work: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(work)


@settings(max_examples=25, deadline=None)
@given(COSTS, st.sampled_from([b"", b"wrong", b"right\0", b"x" * 72]))
def test_wrong_password_takes_the_same_work_for_every_name(costs: dict[str, int], password: bytes) -> None:
    users = {name: HASHES[cost] for name, cost in costs.items()}

    async def rounds(name: str) -> int:
        assert not await Passwords().right(users, name, password)
        return work.rounds

    found = set()
    for name in (*users, "unknown", ""):
        with pytest.MonkeyPatch.context() as monkeypatch:
            work = Work(monkeypatch)
            found.add(run(rounds(name)))
    assert found == {2 ** max(costs.values())}


@settings(max_examples=25, deadline=None)
@given(COSTS)
def test_right_password_of_another_user_takes_the_same_work_for_an_unknown_name(
    costs: dict[str, int],
) -> None:
    users = {name: HASHES[cost] for name, cost in costs.items()}
    with pytest.MonkeyPatch.context() as monkeypatch:
        work = Work(monkeypatch)
        assert not run(Passwords().right(users, "unknown", b"right"))
    assert work.rounds == 2 ** max(costs.values())


def test_verify_accepts_only_the_right_password() -> None:
    assert verify(b"right", HASHES[5], 7)
    assert not verify(b"wrong", HASHES[5], 7)


def test_right_password_is_checked_once_and_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    work, users = Work(monkeypatch), {"anna": HASHES[4], "ben": HASHES[5]}

    async def several() -> list[bool]:
        checks = Passwords()
        at_once = await asyncio.gather(*(checks.right(users, "anna", b"right") for _ in range(50)))
        return [*at_once, await checks.right(users, "anna", b"right")]

    assert all(run(several()))
    assert work.checked == {b"right": 1}


def test_same_wrong_password_is_checked_once_for_each_name(monkeypatch: pytest.MonkeyPatch) -> None:
    work, users = Work(monkeypatch), {"anna": HASHES[4]}

    async def several() -> list[bool]:
        checks = Passwords()
        return [await checks.right(users, name, b"wrong") for name in ("anna", "ben", "carla") * 5]

    assert not any(run(several()))
    assert work.checked == {b"wrong": 3}


@pytest.mark.parametrize("name", ["anna", "new"])
def test_remembered_result_is_not_used_for_another_hash(name: str) -> None:
    """A password that was wrong is right once the user's hash is changed, or the user is added."""

    async def both() -> tuple[bool, bool, bool]:
        checks = Passwords()
        before = await checks.right({"anna": HASHES[4]}, name, b"other")
        other = bcrypt.hashpw(b"other", bcrypt.gensalt(4)).decode()
        after = await checks.right({"anna": HASHES[4]} | {name: other}, name, b"other")
        return before, after, await checks.right({"anna": HASHES[4]} | {name: HASHES[4]}, name, b"other")

    assert run(both()) == (False, True, False)


def test_user_added_with_the_hash_of_another_is_let_in() -> None:
    async def both() -> tuple[bool, bool]:
        checks = Passwords()
        before = await checks.right({"anna": HASHES[4]}, "new", b"right")
        return before, await checks.right({"anna": HASHES[4], "new": HASHES[4]}, "new", b"right")

    assert run(both()) == (False, True)


def test_check_that_fails_refuses_this_time_only(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_threads(*_: object) -> None:
        raise RuntimeError("can't start new thread")

    async def both() -> tuple[bool, bool]:
        checks = Passwords()
        with monkeypatch.context() as broken:
            broken.setattr(passwords, "run_in_threadpool", no_threads)
            before = await checks.right({"anna": HASHES[4]}, "anna", b"right")
        return before, await checks.right({"anna": HASHES[4]}, "anna", b"right")

    assert run(both()) == (False, True)


def test_client_that_disconnects_leaves_nothing_to_check(monkeypatch: pytest.MonkeyPatch) -> None:
    work = Work(monkeypatch)

    async def guess_and_leave() -> bool:
        checks = Passwords()
        lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        guesses = [
            asyncio.create_task(checks.right({"anna": HASHES[6]}, "anna", b"%d" % n, "10.0.0.1", lost))
            for n in range(100)
        ]
        await asyncio.sleep(0)
        lost.set_result(None)
        assert not any(await asyncio.gather(*guesses))
        return await checks.right({"anna": HASHES[6]}, "anna", b"right", "10.0.0.1")

    assert run(guess_and_leave())
    assert work.checked.total() <= 1 + passwords.WORKERS


def test_exit_while_passwords_are_checked_is_not_aborted() -> None:
    """A check that ends while Python exits would abort the process. With many short ones that is likely."""
    script = f"""
import threading
from contextlib import suppress
from exporter.web.passwords import verify
checked = threading.Semaphore(0)
def check():
    with suppress(RuntimeError):
        while True:
            verify(b"wrong", {HASHES[4]!r}, 5)
            checked.release()
for _ in range(2):
    threading.Thread(target=check, daemon=True).start()
for _ in range(20):
    checked.acquire()
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, timeout=30, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
