"""Run a PostgreSQL server in a temporary directory."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import TypedDict

from sqlalchemy import create_engine, text

from harness.addresses import free_address

DEBIAN = Path("/usr/lib/postgresql")


class _RunAs(TypedDict, total=False):
    user: str
    group: str


def tool(name: str) -> str:
    """Return the path of a program of PostgreSQL. Raises FileNotFoundError if it is not installed."""
    found = shutil.which(name) or next(map(str, sorted(DEBIAN.glob(f"*/bin/{name}"), reverse=True)), None)
    if found is None:
        raise FileNotFoundError(f"{name} is missing: apt install postgresql")
    return found


class Postgres:
    """A server that can be restarted. PostgreSQL does not run as root, so root uses another user."""

    def __init__(self, directory: Path) -> None:
        self._user: _RunAs = {"user": "postgres", "group": "postgres"} if os.geteuid() == 0 else {}
        self._directory = directory / "data"
        self._numbers = count()
        self.address = free_address()
        if self._user:
            shutil.chown(directory, "postgres", "postgres")
        options = ("--no-sync", "--auth=trust", "--username=aircall", "--encoding=UTF8")
        self._run("initdb", *options, "-D", self._directory)
        self.start()

    def start(self) -> None:
        """Start the server."""
        host, port = self.address.split(":")
        settings = {
            "listen_addresses": host,
            "port": port,
            "fsync": "off",
            "autovacuum": "off",  # it would start a process for each of hundreds of databases, each minute
            "unix_socket_directories": self._directory,
        }
        options = " ".join(f"-c {name}={value}" for name, value in settings.items())
        self._run(
            "pg_ctl", "-D", self._directory, "-o", options, "-l", self._directory / "log", "-w", "start"
        )

    def stop(self) -> None:
        """Stop at once, as in a crash. The next start recovers."""
        self._run("pg_ctl", "-D", self._directory, "-m", "immediate", "-w", "stop")

    def database(self, name: str, options: str = "") -> str:
        """Create an empty database with this prefix of its name. Returns its URL."""
        name = f"{name}{next(self._numbers)}"
        self.execute(f'CREATE DATABASE "{name}"{options}')
        return self.url(name)

    def copy(self, name: str, copy: str) -> None:
        """Copy a database, after ending its sessions."""
        end_sessions(self.url(name))
        self.execute(f'CREATE DATABASE "{copy}" TEMPLATE "{name}"')

    def execute(self, *statements: str) -> None:
        """Execute statements as the server's administrator."""
        engine = create_engine(self.url("postgres"), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            for statement in statements:
                connection.execute(text(statement))
        engine.dispose()

    def url(self, name: str) -> str:
        """Return the URL of a database."""
        return f"postgresql+psycopg://aircall@{self.address}/{name}"

    def _run(self, program: str, *arguments: object) -> None:
        command = [tool(program), *map(str, arguments)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd="/", **self._user)  # noqa: S603


@contextmanager
def postgres() -> Iterator[Postgres]:
    """Run a server until the block is left."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as directory:
        server = Postgres(Path(directory))
        try:
            yield server
        finally:
            server.stop()


def end_sessions(url: str) -> None:
    """End all other sessions of the database."""
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        )
    engine.dispose()
