"""Check passwords against bcrypt hashes: each distinct credential once, in a fair order.

A bcrypt check takes a tenth of a second or more, so clients that guess passwords can request more checks than
there is time for. Results are remembered, and clients that wait take turns.
"""

import asyncio
import atexit
import hashlib
import os
import secrets
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import bcrypt
import structlog
from cachetools import TTLCache
from starlette.concurrency import run_in_threadpool

from exporter.addresses import client_network
from exporter.web.fair_queue import FairQueue

log = structlog.get_logger()

WORKERS = max(1, (os.cpu_count() or 1) // 2)
"""Checks at a time; half of the processors are left for everything else."""

MAX_WRONG = 4096
"""Wrong credentials that are remembered."""

WRONG_SECONDS = 60.0
"""How long they are remembered."""

EXIT_SECONDS = 5.0
"""How long the exporter waits for checks when it exits."""

Digest = bytes

_checking = threading.BoundedSemaphore(WORKERS)
"""Held during a check. A check that ends while Python exits would abort the process."""

_exiting = threading.Event()


@atexit.register
def _end_checks() -> None:
    """Wait for checks in progress, and prevent new ones."""
    _exiting.set()
    for _ in range(WORKERS):
        _checking.acquire(timeout=EXIT_SECONDS)


@dataclass(eq=False)
class _Check:
    """A credential to check, and how many requests wait for the result."""

    name: str
    password: bytes
    hashed: str
    known: bool
    """Whether there is a user of this name."""
    cost: int
    """The bcrypt cost of a check that fails."""
    client: str
    result: "asyncio.Future[bool]"
    waiting: int = 0
    started: bool = False


class Passwords:
    """Checks passwords and remembers the results. For one event loop."""

    def __init__(self) -> None:
        self._salt = secrets.token_bytes(16)
        self._right: dict[str, Digest] = {}
        """The last correct credential of each user."""
        self._wrong: TTLCache[Digest, bool] = TTLCache(MAX_WRONG, WRONG_SECONDS)
        self._checks: dict[Digest, _Check] = {}
        """Checks in the queue, and checks that have been started."""
        self._queue: FairQueue[Digest] = FairQueue()
        self._workers: set[asyncio.Task[None]] = set()

    async def right(
        self,
        users: Mapping[str, str],
        name: str,
        password: bytes,
        address: str = "",
        lost: "asyncio.Future[None] | None" = None,
    ) -> bool:
        """Return whether this is the password of that user.

        Args:
            users: bcrypt hashes by user name; at least one.
            name: The user name given.
            password: The password given, at most 72 bytes.
            address: The client's IP address. Clients take turns.
            lost: Done when the client has disconnected, and no longer waits for the result.
        """
        costliest = max(users.values(), key=bcrypt_cost)
        hashed, known = users.get(name, costliest), name in users
        digest = self._digest(name, known, hashed, password)
        if known and secrets.compare_digest(self._right.get(name, b""), digest):
            return True
        if digest in self._wrong:
            return False
        check = self._checks.get(digest)
        if check is None:
            result = asyncio.get_running_loop().create_future()
            client, cost = client_network(address), bcrypt_cost(costliest)
            check = self._checks[digest] = _Check(name, password, hashed, known, cost, client, result)
            self._queue.add(client, digest)
            self._start_worker()
        check.waiting += 1
        try:
            ends: set[asyncio.Future[Any]] = {check.result, lost} if lost else {check.result}
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        finally:
            check.waiting -= 1
            if not check.waiting and not check.started:
                self._queue.withdraw(check.client, digest)
                del self._checks[digest]
        return check.result.done() and check.result.result()

    def _digest(self, name: str, known: bool, hashed: str, password: bytes) -> Digest:
        """Return the key of a result: a digest of the credential and of the hash it is checked against."""
        parts = (self._salt, name.encode(), b"known" if known else b"unknown", hashed.encode(), password)
        return hashlib.sha256(b"".join(len(part).to_bytes(4) + part for part in parts)).digest()

    def _start_worker(self) -> None:
        if len(self._workers) < WORKERS:
            self._workers.add(asyncio.create_task(self._work()))

    async def _work(self) -> None:
        """Check credentials one by one until the queue is empty."""
        try:
            while self._queue:
                digest = self._queue.take()
                await self._check(digest, self._checks[digest])
        finally:
            self._workers.discard(asyncio.current_task())

    async def _check(self, digest: Digest, check: _Check) -> None:
        check.started = True
        right = False
        try:
            right = await run_in_threadpool(verify, check.password, check.hashed, check.cost) and check.known
            if right:
                self._right[check.name] = digest
            else:
                self._wrong[digest] = True
        except Exception:  # for example, no thread could be started
            log.exception("password check failed, request rejected")
        finally:
            del self._checks[digest]
            check.result.set_result(right)


def bcrypt_cost(hashed: str) -> int:
    """Return the binary logarithm of the rounds of a bcrypt hash."""
    return int(hashed[4:6])


def verify(password: bytes, hashed: str, cost: int) -> bool:
    """Check a password. If it is wrong, this takes 2 ** `cost` rounds, whatever the cost of the hash.

    Otherwise, with hashes of different costs, the time would reveal which user names exist. The rounds of one
    check for each cost in between add up exactly: 2**4 + 2**4 + 2**5 + ... + 2**(cost - 1) = 2**cost.
    """
    if _checkpw(password, hashed):
        return True
    for each in range(bcrypt_cost(hashed), cost):
        _checkpw(password, f"$2b${each:02}{hashed[6:]}")
    return False


def _checkpw(password: bytes, hashed: str) -> bool:
    with _checking:
        if _exiting.is_set():
            raise RuntimeError("passwords are not checked while the exporter exits")
        return bcrypt.checkpw(password, hashed.encode())
