"""Test that a signal at any time ends each command with 128 plus its number, and without a traceback."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from exporter.archive.database import sqlite_url
from exporter.archive.store import Archive
from exporter.cli.main import COMMANDS
from harness.process import receive_signals

DURING_IMPORT = """
import os, runpy, sys

class Finder:
    def find_spec(self, name, *_):
        if name == sys.argv[1]:
            os.kill(os.getpid(), int(sys.argv[2]))

sys.meta_path.insert(0, Finder())
runpy.run_module("exporter", run_name="__main__")
"""
"""Sends a signal when the command imports a module."""


@pytest.mark.parametrize(
    ("module", "number"),
    [
        ("exporter.cli.main", signal.SIGINT),
        ("exporter.cli.main", signal.SIGTERM),
        ("msgspec", signal.SIGINT),
        ("exporter.cli.webhook", signal.SIGINT),
    ],
)
def test_signal_during_an_import_ends_the_command(module: str, number: signal.Signals) -> None:
    done = _python("-c", DURING_IMPORT, module, str(int(number)))
    assert (done.returncode, done.stderr) == (128 + number, "")


def test_main_module_imports_nothing_before_signals_are_handled() -> None:
    script = (
        "import signal, sys; known = {*sys.modules}; import exporter.__main__; print({*sys.modules} - known)"
    )
    assert _python("-c", script).stdout.count("'") == 4, "only exporter and exporter.__main__ are new"


POINTS = {
    "": ["exporter.cli.serve.ConfigFile", "exporter.cli.serve.bind_all", "exporter.cli.serve.create_app"],
    "demo --users=3": ["exporter.cli.demo.opened", "exporter.cli.serve.Service"],
    "init": ["exporter.cli.init.Path"],
    "report": ["exporter.cli.report.load_figures", "exporter.cli.report.existing_archive"],
    "calls --from=1h": ["argparse.ArgumentParser.parse_args", "exporter.cli.calls.totals"],
    "call 5": ["exporter.cli.call.journey"],
    "call-backs": ["exporter.cli.call_backs.list_call_backs"],
    "forget --yes +331": ["exporter.archive.store.Archive.count_calls_of"],
    "archive backup copy": ["exporter.cli.archive.existing_archive", "exporter.archive.backup.closing"],
    "backfill --from=1d": ["exporter.cli.backfill.load", "exporter.polling.poller.Poller.step"],
    "plan --users=9 --calls-per-hour=9": ["exporter.cli.plan.plan"],
    "users": ["exporter.cli.account_access.existing_archive", "exporter.aircall.client.Client.send"],
    "switch 1 --yes": ["exporter.aircall.client.Client.close"],
    "webhook list": ["exporter.aircall.client.Client.send"],
    "webhook create https://a.example/webhook": ["exporter.aircall.client.Client.send"],
    "doctor": ["exporter.cli.doctor.existing_archive", "exporter.aircall.client.Client.send"],
    "check-config --offline aircall.yml": [
        "exporter.cli.check_config.load",
        "exporter.cli.streams.flush_output",
    ],
}
"""For each command, functions that are replaced by one that sends the signal."""

DURING_CALL = """
import json, os, sys, tempfile
from unittest import mock
import exporter.__main__
import exporter.cli.main

def run(command, function, number):
    sys.argv = ["aircall-exporter", "--web.listen-address=127.0.0.1:0", "--log.level=error", *command.split()]
    with mock.patch(function, lambda *_, **__: os.kill(os.getpid(), number)):
        return exporter.__main__.main()

for command, function, number in json.loads(sys.argv[1]):
    printed = tempfile.TemporaryFile("w+")
    if not (child := os.fork()):
        os.dup2(printed.fileno(), 1)
        os.dup2(printed.fileno(), 2)
        sys.exit(run(command, function, number))
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    printed.seek(0)
    print(json.dumps([command, function, number, code, printed.read()]))
"""
"""Runs each command in a separate process."""


def test_signal_during_a_call_ends_every_command(tmp_path: Path) -> None:
    named = {command.split(" ")[0] for command in POINTS}
    assert named == {"", *(module.__name__.rpartition(".")[2].replace("_", "-") for module in COMMANDS)}
    archive = Archive(sqlite_url(str(tmp_path / "data")))
    archive.load()
    archive.close()
    (tmp_path / "aircall.yml").write_text("sla: 5s\n")
    runs = [(command, point, 2) for command, points in POINTS.items() for point in points]
    runs += [(command, points[-1], 15) for command, points in POINTS.items() if len(points) > 1]
    done = _python("-c", DURING_CALL, json.dumps(runs), cwd=tmp_path)
    ended = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(ended) == len(runs), done.stderr
    for command, point, number, code, printed in ended:
        assert (code, "Traceback" in printed) == (128 + number, False), (command, point, number, printed)
    assert [file.name for file in (tmp_path / "data").iterdir() if "token" in file.name] == []
    assert [file.name for file in tmp_path.iterdir() if "copy" in file.name] == []


IN_DESTRUCTOR = """
import os, sys
import exporter.__main__
from exporter.cli import plan

class Destroyed:
    def __del__(self):
        os.kill(os.getpid(), 2)

sys.argv = ["aircall-exporter", "plan", "--users=9", "--calls-per-hour=9"]
plan.load = lambda *_: Destroyed() and None
sys.exit(exporter.__main__.main())
"""


def test_signal_in_a_destructor_ends_the_command() -> None:
    done = _python("-c", IN_DESTRUCTOR)
    assert (done.returncode, "Traceback" in done.stderr) == (130, False), done.stderr


def _python(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    environ = {
        "AIRCALL_API_ID": "id",
        "AIRCALL_API_TOKEN": "a-token",
        "AIRCALL_BASE_URL": "http://127.0.0.1:9",
    }
    return subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        env=os.environ | environ,
        cwd=cwd,
        check=False,
        preexec_fn=receive_signals,
    )
