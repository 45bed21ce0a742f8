"""Test the command line as a process: flags, signals and exit codes."""

import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests

from exporter.cli.main import parser
from exporter.simulator.faults import Fault, Hang
from exporter.simulator.server import SimulatedAircall
from exporter.simulator.simulation import SimulatedAccount
from harness.addresses import free_address
from harness.process import credential, process, run
from harness.scrape import Scrape
from tests.support.authority import USER, with_password
from tests.support.running import eventually


@pytest.fixture
def aircall() -> Iterator[SimulatedAircall]:
    with SimulatedAircall(SimulatedAccount(users=6, calls_per_hour=0, start=time.time())) as aircall:
        yield aircall


@pytest.fixture
def environ(aircall: SimulatedAircall) -> dict[str, str]:
    return credential(aircall)


def test_main_with_version_or_help_prints_it() -> None:
    assert re.fullmatch(
        r"aircall-exporter, version \d+\.\d+\.\d+ \(python 3\.\d+\.\d+\)\n", run("--version").stdout
    )
    usage = run("--help").stdout
    for flag in (
        "--config.file",
        "--web.listen-address",
        "--web.systemd-socket",
        "--web.enable-lifecycle",
        "--log.level",
        "--log.format",
        "--web.config.file",
        "--web.enable-api",
        "--web.enable-admin-api",
        "--web.public-metrics",
        "--storage.path",
    ):
        assert flag in usage
    assert "--calls-per-hour" in run("demo", "--help").stdout


def test_main_imports_rich_only_for_tables() -> None:
    command = [sys.executable, "-X", "importtime", "-m", "exporter"]
    without, table = (
        subprocess.run([*command, *rest], capture_output=True, text=True, check=True, timeout=60).stderr
        for rest in (["--version"], ["plan", "--users=5", "--calls-per-hour=60"])
    )
    assert "structlog.dev" in without
    assert "rich.console" not in without
    assert "rich.console" in table


@pytest.mark.parametrize(
    "flag", ["--web.listen-address=nonsense", "--log.level=loud", "--web.config.file=/no/such.yml"]
)
def test_flag_before_or_after_a_command_has_the_same_effect(flag: str) -> None:
    before, after = run(flag, "demo"), run("demo", flag)
    assert before.returncode == after.returncode == 2
    assert before.stderr.splitlines()[-1].split(": ")[-1] == after.stderr.splitlines()[-1].split(": ")[-1]


@pytest.mark.parametrize("text", ["warn", "warning"])
def test_log_level_warning_means_warn(text: str) -> None:
    assert parser().parse_args([f"--log.level={text}"]).log_level == "warn"


@pytest.mark.parametrize(
    ("arguments", "code", "error"),
    [
        (["--no-such-flag"], 2, "unrecognized arguments: --no-such-flag, see --help"),
        (["--log.level=loud"], 2, "invalid choice: 'loud'"),
        (["--log.level=WARNING"], 2, "invalid choice: 'WARNING'"),
        (["check-config"], 2, "expected a FILE, or --web.config.file=FILE"),
        (["check-config", "/no/such.yml"], 2, "/no/such.yml: cannot be read: No such file or directory"),
        (
            ["demo", "--web.listen-address=nonsense"],
            2,
            'found "nonsense", expected an address such as 0.0.0.0:9979',
        ),
        (["demo", "--web.listen-address=192.0.2.1:9979"], 1, "192.0.2.1:9979: cannot listen there"),
        (
            ["calls", "--from=1h", f"--limit={'9' * 25}"],
            2,
            f"--limit: found {'9' * 25}, expected a whole number",
        ),
        (["calls", "--from=1h", "--limit=-1"], 2, "--limit: found -1, expected a whole number from 0 (all)"),
        (["demo", "--users=0"], 2, "--users: found 0, expected a whole number from 1 to 1000000"),
        (
            [],
            2,
            "configuration: aircall.api_id: missing; set it here, or in the environment as AIRCALL_API_ID",
        ),
    ],
)
def test_main_with_an_invalid_argument_prints_one_line(arguments: list[str], code: int, error: str) -> None:
    result = run(*arguments, AIRCALL_API_ID="", AIRCALL_API_TOKEN="")
    assert result.returncode == code
    assert error in result.stderr
    assert result.stderr.count("\n") == 1
    assert result.stderr.startswith("aircall-exporter")


def test_check_config_of_an_invalid_file_prints_the_error(tmp_path: Path) -> None:
    file = tmp_path / "aircall.yml"
    file.write_text("aircall: {api_id: a, api_token: b}\nsla: 10s\n")
    valid = run("check-config", "--offline", str(file))
    assert (valid.returncode, valid.stderr) == (0, "")
    file.write_text("aircall: {api_id: a, api_token: b}\nsla: soon\n")
    result = run("check-config", str(file))
    assert result.returncode == 2
    assert result.stderr == (
        f'aircall-exporter: {file}: sla: found "soon", expected a duration such as 10s, 15m or 1h30m\n'
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_exporter_that_receives_a_signal_exits_with_0(
    environ: dict[str, str], number: signal.Signals
) -> None:
    with process(**environ) as exporter:
        exporter.logged(r'budget="48 of 60 requests/min" calls=5s availabilities=5s users=4h')
        eventually(lambda: requests.get(f"{exporter.url}/-/ready", timeout=5).status_code == 200)
        exporter.process.send_signal(number)
        assert exporter.process.wait(5) == 0
        exporter.logged("stopping")
        assert not [line for line in exporter.lines if environ["AIRCALL_API_TOKEN"] in line]


def test_exporter_terminated_during_a_request_that_hangs_exits_with_0(
    aircall: SimulatedAircall, environ: dict[str, str]
) -> None:
    hang = Hang()
    aircall.faults.append(Fault(lambda path: True, hang))
    with process(**environ) as exporter:
        assert hang.reached.wait(10)
        exporter.process.terminate()
        assert exporter.process.wait(5) == 0
    hang.released.set()


def test_listen_address_given_twice_serves_on_both(environ: dict[str, str]) -> None:
    other = free_address()
    with process(f"--web.listen-address={other}", **environ) as exporter:
        logged = exporter.logged(rf'listening="{other}, (127[0-9.:]+)"')
        for address in (other, logged[1]):
            assert requests.get(f"http://{address}/-/healthy", timeout=5).status_code == 200


def test_log_format_json_writes_one_object_per_line(environ: dict[str, str]) -> None:
    with process("--log.format=json", **environ) as exporter:
        exporter.logged("polling Aircall")
        for line in exporter.lines:
            assert {"ts", "level", "msg"} <= json.loads(line).keys()


def test_reload_by_signal_or_request_applies_the_configuration(
    environ: dict[str, str], tmp_path: Path
) -> None:
    file = tmp_path / "aircall.yml"
    file.write_text("sla: 10s\n")

    with process(f"--config.file={file}", "--web.enable-lifecycle", **environ) as exporter:

        def sla() -> float | None:
            return Scrape.at(exporter.url).value("aircall_sla_seconds")

        assert sla() == 10
        file.write_text("sla: 20s\nactivity_period: 1h\n")
        exporter.process.send_signal(signal.SIGHUP)
        eventually(lambda: sla() == 20)
        assert Scrape.at(exporter.url).value("aircall_activity_period_seconds") == 3600
        file.write_text("sla: 30s\n")
        assert requests.post(f"{exporter.url}/-/reload", timeout=5).status_code == 200
        eventually(lambda: sla() == 30)
        file.write_text("sla: never\n")
        exporter.process.send_signal(signal.SIGHUP)
        exporter.logged(r'level=error msg="configuration reload failed" problem=.*found .*never')
        assert requests.post(f"{exporter.url}/-/reload", timeout=5).status_code == 500
        assert sla() == 30


def test_reload_with_a_changed_credential_uses_it(
    aircall: SimulatedAircall, environ: dict[str, str], tmp_path: Path
) -> None:
    token = tmp_path / "token"
    token.write_text("not-the-token\n")
    with_file = environ | {"AIRCALL_API_TOKEN": "", "AIRCALL_API_TOKEN_FILE": str(token)}
    with process(**with_file) as exporter:
        exporter.logged("Aircall rejects the credential")
        token.write_text(f"{aircall.api_token}\n")
        exporter.process.send_signal(signal.SIGHUP)
        exporter.logged("Aircall accepts the credential again")


def test_demo_with_a_credential_logs_that_it_uses_none(tmp_path: Path) -> None:
    file = tmp_path / "aircall.yml"
    file.write_text("aircall: {api_id: a, api_token: b}\n")
    with process(f"--config.file={file}", "demo", "--users=6") as demo:
        demo.logged(f'"the simulated account uses no credential" file={file}')


def test_demo_after_a_reload_applies_the_configuration(tmp_path: Path) -> None:
    file = tmp_path / "aircall.yml"
    file.write_text("sla: 10s\n")
    with process(f"--config.file={file}", "--web.enable-lifecycle", "demo", "--users=6") as demo:
        assert Scrape.at(demo.url).value("aircall_sla_seconds") == 10
        reloads: dict[int, Callable[[], None]] = {
            20: lambda: demo.process.send_signal(signal.SIGHUP),
            30: lambda: requests.post(f"{demo.url}/-/reload", timeout=5).raise_for_status(),
        }
        for sla, reload in reloads.items():
            file.write_text(f"sla: {sla}s\n")
            reload()
            eventually(lambda: Scrape.at(demo.url).value("aircall_sla_seconds") == sla)  # noqa: B023 (called at once)
        demo.process.terminate()
        assert demo.process.wait(5) == 0


def test_demo_without_a_configuration_serves_metrics() -> None:
    with process("demo", "--users=12", "--seed=3") as demo:
        eventually(lambda: requests.get(f"{demo.url}/-/ready", timeout=5).status_code == 200)
        assert len(Scrape.at(demo.url).labels("aircall_user_info", "user_id")) == 12
        assert Scrape.at(demo.url).value("aircall_up") == 1
        demo.process.terminate()
        assert demo.process.wait(5) == 0
        assert demo.process.stdout is not None
        assert f"{demo.url}/metrics" in demo.process.stdout.read()


def test_demo_below_a_prefix_receives_events_there() -> None:
    flags = ("--web.route-prefix=aircall", "--web.telemetry-path=/scrape", "--webhooks")
    with process("demo", *flags, "--calls-per-hour=600") as demo:
        url = f"{demo.url}/aircall/scrape"
        received = re.compile(r"^aircall_webhook_events_total\{.*\} [1-9]", re.MULTILINE)
        eventually(lambda: received.search(requests.get(url, timeout=5).text))
        demo.process.terminate()
        assert demo.process.stdout is not None
        assert f"  {url}   the metrics\n" in demo.process.stdout.read()


def test_enable_api_flag_serves_the_calls(environ: dict[str, str], tmp_path: Path) -> None:
    storage = f"--storage.path={tmp_path}"
    with process(storage, **environ) as exporter:
        assert requests.get(f"{exporter.url}/api/v1/calls?from=1h", timeout=5).status_code == 403
    with process(
        storage, "--web.enable-api", f"--web.config.file={with_password(tmp_path)}", **environ
    ) as exporter:
        calls = f"{exporter.url}/api/v1/calls?from=1h"
        eventually(lambda: requests.get(calls, auth=USER, timeout=5).status_code == 200)
        assert not [line for line in exporter.lines if "rejects all clients" in line]
    with process("--web.enable-api", "demo", "--calls-per-hour=600") as demo:
        eventually(lambda: requests.get(f"{demo.url}/api/v1/calls?from=1h", timeout=5).json().get("calls"))
