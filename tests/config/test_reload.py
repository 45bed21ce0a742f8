"""Test reloads: which keys they apply, which they name, and which files they reject."""

import os
import re
import signal
import time
from pathlib import Path
from typing import Any

import pytest
import requests

from exporter.config.reload import RESTART, ConfigFile, in_force
from exporter.config.settings import SIMULATED_CREDENTIAL, Aircall, Group, Override, Settings
from exporter.config.yaml_file import ConfigError
from exporter.durations import Duration
from exporter.simulator.server import SimulatedAircall
from exporter.simulator.simulation import SimulatedAccount
from harness.process import credential, process
from tests.support.config_files import CREDENTIAL
from tests.support.running import eventually
from tests.support.settings import leaves, value, with_value

CHANGED: dict[type, Any] = {
    bool: lambda value: not value,
    int: lambda value: value + 1,
    float: lambda value: value / 2 + 0.1,
    Duration: lambda value: Duration(value + 1),
    str: lambda value: f"{value}x",
    tuple: lambda value: (*value, Group("g") if value and isinstance(value[0], Group) else "x"),
}
OTHER = {
    "caller": "hidden",
    "aircall.requests_per_minute": 30.0,
    "groups": (Group("g"),),
    "service_level.within": Duration(5),
    "thresholds.substatus": {"on_a_break": Duration(5)},
    "overrides.numbers": {"Support": Override(sla=Duration(5))},
    "overrides.teams": {"Support": Override(sla=Duration(5))},
}


WEBHOOK_FAMILIES = {"aircall_webhook_events_total", "aircall_user_ring_attempts_total"}


def families(metrics: str) -> set[str]:
    """Return the names of the samples."""
    return {re.split("[{ ]", line)[0] for line in metrics.splitlines() if not line.startswith("#")}


@pytest.mark.parametrize("path", [*leaves(Settings())])
def test_in_force_after_each_changed_key_applies_or_names_it(path: str) -> None:
    started = Settings(aircall=Aircall("id", "token"))
    before = value(started, path)
    new = OTHER.get(path) or CHANGED[type(before)](before)
    settings, need_restart = in_force(started, with_value(started, path, new))
    needs_restart = path in (*RESTART, "webhook.token", "grafana_live.url")
    assert need_restart == ((path,) if needs_restart else ())
    assert value(settings, path) == (before if needs_restart else new)
    assert in_force(started, started) == (started, ())


def test_in_force_after_a_replaced_token_applies_it() -> None:
    started = with_value(Settings(), "webhook.token", "old")
    for token in ("new", ("new", "old"), ""):
        settings, need_restart = in_force(started, with_value(started, "webhook.token", token))
        assert (settings.webhook.token, need_restart) == (token, ())


def test_reload_names_what_needs_a_restart_and_exposes_nothing_of_it(tmp_path: Path) -> None:
    account = SimulatedAccount(users=6, calls_per_hour=0, start=time.time())
    file = tmp_path / "aircall.yml"
    file.write_text("sla: 10s\n")
    (tmp_path / "key").write_text("k" * 40)
    flags = [f"--config.file={file}", f"--storage.path={tmp_path}", "--web.enable-lifecycle"]
    with SimulatedAircall(account) as aircall, process(*flags, **credential(aircall)) as exporter:
        url = exporter.url
        eventually(lambda: requests.get(f"{url}/-/ready", timeout=10).status_code == 200)
        file.write_text(
            "sla: 20s\n"
            f"storage: {{url: 'sqlite:///{tmp_path}/other.db', key_file: {tmp_path}/key}}\n"
            "webhook: {token: token-of-the-webhook, listen_address: ':0'}\n"
        )
        named = "storage.url, storage.key_file, webhook.listen_address, webhook.token"
        answer = requests.post(f"{url}/-/reload", timeout=10)
        assert (answer.status_code, answer.text) == (
            200,
            f"Configuration reloaded. Not in force before a restart: {named}.\n",
        )
        exporter.logged(f'level=warn msg="changed keys need a restart" keys="{named}"')
        exporter.lines.clear()
        exporter.process.send_signal(signal.SIGHUP)
        exporter.logged(f'keys="{named}"')
        eventually(lambda: "aircall_sla_seconds 20" in requests.get(f"{url}/metrics", timeout=10).text)
        metrics = requests.get(f"{url}/metrics", timeout=10).text
        assert "aircall_user_availability" in families(metrics)
        assert families(metrics) & WEBHOOK_FAMILIES == set()
        assert requests.post(f"{url}/webhook", b"{}", timeout=10).status_code == 404
        file.write_text("sla: 30s\n")
        assert requests.post(f"{url}/-/reload", timeout=10).text == "Configuration reloaded.\n"
        assert not (tmp_path / "other.db").exists()


BLANK = {
    "empty": "",
    "space": " \n",
    "comment": "# caller: hidden\n",
    "document": "---\n",
    "null": "null\n",
    "empty mapping": "{}\n",
}


@pytest.mark.parametrize("content", BLANK.values(), ids=BLANK)
@pytest.mark.parametrize("written", ["caller: hidden\n", "caller: masked\n", "caller: full\n", "sla: 10s\n"])
def test_reload_of_a_file_that_has_lost_all_keys_is_rejected(
    written: str, content: str, tmp_path: Path
) -> None:
    path = tmp_path / "aircall.yml"
    path.write_text(written)
    file = ConfigFile(str(path), SIMULATED_CREDENTIAL)
    before = file.settings
    path.write_text(content)
    for _ in range(2):
        with pytest.raises(ConfigError, match=f"^{path}: [^\n]*$"):
            file.reread()
    assert file.settings == before
    path.write_text(written)
    assert file.reread() == before


@pytest.mark.parametrize("content", BLANK.values(), ids=BLANK)
def test_reload_of_a_file_that_never_had_a_key_is_accepted(content: str, tmp_path: Path) -> None:
    path = tmp_path / "aircall.yml"
    path.write_text("")
    file = ConfigFile(str(path), SIMULATED_CREDENTIAL)
    path.write_text(content)
    assert file.reread() == file.settings
    assert ConfigFile(None, SIMULATED_CREDENTIAL).reread() == file.settings


@pytest.mark.parametrize("before", ["hidden", "masked", "full", None])
@pytest.mark.parametrize("after", ["hidden", "masked", "full", None])
def test_reload_shows_more_of_callers_only_if_the_file_says_so(
    before: str | None, after: str | None, tmp_path: Path
) -> None:
    path = tmp_path / "aircall.yml"

    def write(caller: str | None) -> None:
        path.write_text("sla: 10s\n" + (f"caller: {caller}\n" if caller else ""))

    write(before)
    file = ConfigFile(str(path), SIMULATED_CREDENTIAL)
    write(after)
    if after is None and before in ("hidden", "masked"):
        with pytest.raises(ConfigError, match=f"caller: is missing, expected {before}; write caller: full"):
            file.reread()
        assert file.settings.caller == before
    else:
        assert file.reread().caller == (after or "full")


def test_reload_of_any_part_of_a_file_never_shows_more_of_callers(tmp_path: Path) -> None:
    path = tmp_path / "aircall.yml"
    whole = "sla: 10s\nrefresh:\n  calls: 20s\ncaller: hidden\nteams: [Sales]\n"
    path.write_text(whole)
    file = ConfigFile(str(path), SIMULATED_CREDENTIAL)
    parts = [whole[:end] for end in range(len(whole))] + [whole[begin:] for begin in range(len(whole))]
    for part in parts:
        path.write_text(part)
        try:
            assert file.reread().caller == "hidden"
        except ConfigError:
            assert file.settings.caller == "hidden"


def test_reload_of_an_emptied_file_keeps_callers_hidden_and_logs_one_line(tmp_path: Path) -> None:
    account = SimulatedAccount(users=6, calls_per_hour=0, start=time.time())
    file = tmp_path / "aircall.yml"
    file.write_text("caller: hidden\nsla: 10s\n")
    flags = [f"--config.file={file}", f"--storage.path={tmp_path}", "--web.enable-lifecycle"]
    rejected = f"{file}: has no keys"
    with SimulatedAircall(account) as aircall, process(*flags, **credential(aircall)) as exporter:
        url = exporter.url  # when it is known, the file has been read
        file.write_text("")
        answer = requests.post(f"{url}/-/reload", timeout=10)
        assert (answer.status_code, rejected in answer.text) == (500, True)
        exporter.logged(rejected)
        exporter.lines.clear()
        exporter.process.send_signal(signal.SIGHUP)
        exporter.logged(rejected)
        assert sum(rejected in line for line in exporter.lines) == 1
        assert "aircall_sla_seconds 10" in requests.get(f"{url}/metrics", timeout=10).text
        file.write_text("caller: masked\nsla: 20s\n")
        assert requests.post(f"{url}/-/reload", timeout=10).status_code == 200


def test_reload_of_a_pipe_is_rejected_without_reading_it(tmp_path: Path) -> None:
    file = tmp_path / "aircall.yml"
    file.write_text("sla: 12s\n")
    config = ConfigFile(str(file), CREDENTIAL)
    file.unlink()
    os.mkfifo(file)
    with pytest.raises(ConfigError, match="is a pipe or a device, expected a regular file"):
        config.reread()
    assert config.settings.sla == Duration(12)
