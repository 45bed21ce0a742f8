"""Search calls by the command and over HTTP."""

import io
import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple
from urllib.parse import quote

import requests
import yaml
from sqlalchemy import create_engine
from starlette.applications import Starlette
from starlette.types import Receive, Scope, Send

from exporter.api.routes import api
from exporter.archive.store import Archive
from exporter.cli.exit_codes import ExitCode
from exporter.cli.main import main
from exporter.web.listeners import bind
from exporter.web.require_authentication import USER
from exporter.web.server import WebServer

Texts = Iterable[tuple[str, str]]


class Printed(NamedTuple):
    """The exit code and the output of a command."""

    code: int
    out: str
    err: str


def command(url: str, *arguments: str, name: str = "calls", storage: Path | None = None) -> Printed:
    """Run a command of `aircall-exporter` on the archive at `url`, its key being in `storage`."""
    with TemporaryDirectory() as directory:
        file = Path(directory) / "aircall.yml"
        file.write_text(yaml.safe_dump({"storage": {"url": url}}))
        out, err = io.StringIO(), io.StringIO()
        with redirect_stdout(out), redirect_stderr(err):
            try:
                place = [f"--storage.path={storage or directory}", f"--config.file={file}"]
                code = int(main([*place, name, *arguments]))
            except SystemExit as left:
                code = int(left.code or 0)
    return Printed(code, out.getvalue(), err.getvalue())


EXPLANATIONS = (
    "the archive has no ",
    "calls of that time matches all criteria",
    "a missed call belongs to a number",
    " are called ",
)


def only_explanations(errors: str) -> bool:
    """Return whether all errors explain which calls were found, or why none were."""
    return all(any(text in line for text in EXPLANATIONS) for line in errors.split("\n") if line)


def flags(texts: Texts) -> list[str]:
    """Return a query's names and values as flags."""
    return [
        ("--missed" if value == "true" else "--no-missed")
        if name == "missed" and value in ("true", "false")
        else f"--{name.replace('_', '-')}={value}"
        for name, value in texts
    ]


def found_by_command(url: str, texts: Texts) -> list[int]:
    printed = command(url, *flags(texts), "--utc", "--format=ndjson")
    ids = [json.loads(line)["id"] for line in printed.out.splitlines()]
    assert printed.code == (ExitCode.SUCCESS if ids else ExitCode.NOT_FOUND)
    assert only_explanations(printed.err)
    return ids


@contextmanager
def served(archive: Archive | None) -> Iterator[str]:
    """Serve the API to an archive, for clients who are all authenticated. Returns its address."""
    pages = Starlette(routes=[api(archive, lambda _: None)])

    async def known(scope: Scope, receive: Receive, send: Send) -> None:
        await pages({**scope, USER: "tests"}, receive, send)

    server = WebServer(known, [bind("127.0.0.1:0")])
    server.start()
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        server.stop()


def query(texts: Texts) -> str:
    """Return names and values as a query, including halves of surrogate pairs."""
    return "&".join(f"{quote(name)}={quote(value.encode('utf-8', 'surrogatepass'))}" for name, value in texts)


def ask(address: str, texts: Texts, user: tuple[str, str] | None = None) -> requests.Response:
    return requests.get(f"{address}/api/v1/calls?{query(texts)}", auth=user, timeout=30)


def pages(address: str, texts: Texts) -> Iterator[dict]:
    """Yield the responses for all pages, one after the other."""
    answer = ask(address, texts).json()
    yield answer
    while answer["next"]:
        answer = requests.get(address + answer["next"], timeout=30).json()
        yield answer


def waiting_searches(database: str) -> int:
    """Return the number of searches that wait for a lock."""
    engine = create_engine(database)
    with engine.connect() as connection:
        waiting = connection.exec_driver_sql(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            " AND wait_event_type = 'Lock' AND query LIKE 'SELECT call_history.%%'"
        ).scalar_one()
    engine.dispose()
    return int(waiting)
