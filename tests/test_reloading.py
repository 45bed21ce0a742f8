"""A reload says which changed keys it has not put in force."""

import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import requests

from exporter.config import Aircall, Group, Settings
from exporter.demo.server import SimulatedAircall
from exporter.demo.simulation import SimulatedAccount
from exporter.durations import Duration
from exporter.reloading import RESTART, in_force
from tests.process import credential, process
from tests.running import eventually

CHANGED: dict[type, Any] = {
    bool: lambda value: not value,
    int: lambda value: value + 1,
    float: lambda value: value / 2 + 0.1,
    Duration: lambda value: Duration(value + 1),
    str: lambda value: f"{value}x",
    tuple: lambda value: (*value, Group("g") if value and isinstance(value[0], Group) else "x"),
}
OTHER = {"caller": "hidden", "aircall.requests_per_minute": 30.0, "groups": (Group("g"),)}


WITH_WEBHOOKS = {"aircall_webhook_events_total", "aircall_user_declined_calls_total"}


def families(metrics: str) -> set[str]:
    """Return the names of the samples."""
    return {re.split("[{ ]", line)[0] for line in metrics.splitlines() if not line.startswith("#")}


def leaves(settings: msgspec.Struct, path: str = "") -> Iterator[str]:
    for name in settings.__struct_fields__:
        value = getattr(settings, name)
        if isinstance(value, msgspec.Struct):
            yield from leaves(value, f"{path}{name}.")
        else:
            yield path + name


def value(settings: Any, path: str) -> Any:
    for name in path.split("."):
        settings = getattr(settings, name)
    return settings


def with_value(settings: Any, path: str, new: Any) -> Any:
    name, _, rest = path.partition(".")
    return msgspec.structs.replace(
        settings, **{name: with_value(getattr(settings, name), rest, new) if rest else new}
    )


@pytest.mark.parametrize("path", [*leaves(Settings())])
def test_every_key_is_in_force_or_named(path: str) -> None:
    started = Settings(aircall=Aircall("id", "token"))
    before = value(started, path)
    new = OTHER.get(path) or CHANGED[type(before)](before)
    settings, need_restart = in_force(started, with_value(started, path, new))
    named = path in (*RESTART, "webhook.token")
    assert need_restart == ((path,) if named else ())
    assert value(settings, path) == (before if named else new)
    assert in_force(started, started) == (started, ())


def test_token_that_replaces_another_is_in_force() -> None:
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
            f"The configuration is reloaded. Not in force before a restart: {named}.\n",
        )
        exporter.logged(f'level=warn msg="changed keys need a restart, and are not in force" keys="{named}"')
        exporter.lines.clear()
        exporter.process.send_signal(signal.SIGHUP)
        exporter.logged(f'keys="{named}"')
        eventually(lambda: "aircall_sla_seconds 20" in requests.get(f"{url}/metrics", timeout=10).text)
        metrics = requests.get(f"{url}/metrics", timeout=10).text
        assert "aircall_user_availability" in families(metrics)
        assert families(metrics) & WITH_WEBHOOKS == set()
        assert requests.post(f"{url}/webhook", b"{}", timeout=10).status_code == 404
        file.write_text("sla: 30s\n")
        assert requests.post(f"{url}/-/reload", timeout=10).text == "The configuration is reloaded.\n"
        assert not (tmp_path / "other.db").exists()
