"""The flags for paths: valid values, and that invalid ones are an error of one line."""

import argparse
import time
from typing import Any

import pytest

from exporter.app import create_app
from exporter.cli.flags import DEFAULTS
from exporter.cli.main import parser
from exporter.cli.web_paths import TAKEN, web_paths
from exporter.simulator.simulation import SimulatedAccount
from exporter.web.paths import Paths
from harness.process import run
from tests.support.running import running

URL = "https://monitoring.example.com/aircall"


@pytest.mark.parametrize(
    ("flags", "paths"),
    [
        ([], Paths()),
        ([f"--web.external-url={URL}"], Paths("/aircall", URL)),
        ([f"--web.external-url={URL}//"], Paths("/aircall", URL)),
        (["--web.external-url=http://a:80/"], Paths("", "http://a:80")),
        ([f"--web.external-url={URL}", "--web.route-prefix=/"], Paths("", URL)),
        ([f"--web.external-url={URL}", "--web.route-prefix="], Paths("/aircall", URL)),
        ([f"--web.external-url={URL}", "--web.route-prefix=/x/y/"], Paths("/x/y", URL)),
        (["--web.external-url=", "--web.route-prefix=x"], Paths("/x")),
        (["--web.telemetry-path=/a/metrics"], Paths(telemetry="/a/metrics")),
        (["--web.telemetry-path=/metrics-api"], Paths(telemetry="/metrics-api")),
    ],
)
def test_paths_follow_from_the_flags(flags: list[str], paths: Paths) -> None:
    arguments = parser().parse_args([*flags, "demo"], argparse.Namespace(**DEFAULTS))
    assert web_paths(arguments) == paths


A_URL = "expected a URL such as https://monitoring.example.com/aircall"


@pytest.mark.parametrize(
    ("flag", "value", "problem"),
    [
        *(
            ("external-url", value, f'found "{value}", {A_URL}')
            for value in ("monitoring.example.com/aircall", "/aircall", "ftp://a/", "http://", "http://a:x/")
        ),
        *(("external-url", f"http://a{path}", A_URL) for path in ("//b", "/a b", "/{x}", "/a%20b", "/../b")),
        *(
            ("external-url", value, f"found a URL with a user, a query or a fragment, {A_URL}")
            for value in ("https://me:secret@a/", "https://a/?secret", "https://a/#secret")
        ),
        *(
            ("route-prefix", value, f'found "{value}", expected a path such as /aircall')
            for value in ("/a?b", "/a#b", "/a//b", "/{x}", "http://a/b", "/a/..", "/a b")
        ),
        *(
            ("telemetry-path", value, f'found "{value}", expected a path such as /metrics')
            for value in ("", "/", "metrics", "/metrics/", "/m?x", "/m//x", "/{x}")
        ),
        *(
            ("telemetry-path", value, f'found "{value}", which other pages have, expected a path such as')
            for value in ("/-/healthy", "/-/x", "/webhook", "/api", "/api/v1/calls", "/users/1")
        ),
    ],
)
def test_invalid_value_is_an_error_of_one_line(
    flag: str, value: str, problem: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        parser().parse_args([f"--web.{flag}={value}"])
    error = capsys.readouterr().err
    assert (ended.value.code, error.count("\n")) == (2, 1)
    assert error.startswith(f"aircall-exporter: argument --web.{flag}: ")
    assert problem in error
    assert "secret" not in error


def test_invalid_value_stops_the_start_with_exit_code_2() -> None:
    done = run("--web.external-url=monitoring.example.com", AIRCALL_API_ID="id", AIRCALL_API_TOKEN="token")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)


def test_taken_names_are_those_of_all_other_pages() -> None:
    account = SimulatedAccount(users=1, calls_per_hour=0, start=time.time())
    with running(account) as exporter:
        routes: list[Any] = create_app(exporter.service, None, admin=True).routes
    names = {route.path.split("/")[1] for route in routes}
    assert names == {"", "metrics", *TAKEN}
