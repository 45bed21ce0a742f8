"""Test that a reload of a file which is cut off deletes no calls and drops no protection."""

import time
from pathlib import Path
from typing import Any

import msgspec
import pytest
import requests
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.config.loader import load
from exporter.config.reload import CREDENTIALS, GUARDED, RESTART, ConfigFile
from exporter.config.settings import SIMULATED_CREDENTIAL, Settings
from exporter.config.yaml_file import ConfigError
from exporter.durations import Duration
from exporter.simulator.server import SimulatedAircall
from exporter.simulator.simulation import SimulatedAccount
from harness.process import credential, process
from tests.support.running import eventually
from tests.support.settings import leaves, value

FREE = {
    *("activity_period", "sla", "groups", "map_users_to_numbers"),
    *(f"queue_wait.{name}" for name in Settings().queue_wait.__struct_fields__),
    *(f"refresh.{name}" for name in Settings().refresh.__struct_fields__),
    *(f"thresholds.{name}" for name in Settings().thresholds.__struct_fields__),
    *(f"today.{name}" for name in Settings().today.__struct_fields__),
    *(f"service_level.{name}" for name in Settings().service_level.__struct_fields__),
    *(f"overrides.{name}" for name in Settings().overrides.__struct_fields__),
    *(f"call_backs.{name}" for name in Settings().call_backs.__struct_fields__),
    "storage.backfill",  # reads less of the past, but deletes nothing
    "webhook.refresh",
    "grafana_live.stream",
}
"""Keys that return to their defaults if they are left out: they change what is shown or read, until they are
written again."""

OTHER: dict[str, Any] = {
    "aircall.base_url": "https://proxy.example.com",
    "aircall.requests_per_minute": 30,
    "aircall.budget_share": 0.25,
    "teams": ["Sales", "Support"],
    "exclude_users": ["Test account"],
    "storage.retention": "52w1d",
    "webhook.token": "token-of-the-webhook",
    "user_limit": 100,
    "caller": "hidden",
}
"""For each guarded key, a value that is not its default."""

FULL: dict[str, Any] = {
    "aircall": {
        "api_id": "an-id",
        "api_token": "a-token",
        **{key.partition(".")[2]: OTHER[key] for key in OTHER if key.startswith("aircall.")},
    },
    "sla": "10s",
    "refresh": {"calls": "20s", "users": "2h"},
    "groups": [{"name": "Desk", "users": ["Ada"]}],
    "storage": {"backfill": "2d", "retention": "52w1d"},
    "webhook": {"refresh": "2m", "token": "token-of-the-webhook"},
    **{key: OTHER[key] for key in OTHER if "." not in key},
}


def nested(path: str, value: object) -> dict[str, Any]:
    """Return the content of a file with one key."""
    name, _, rest = path.partition(".")
    return {name: nested(rest, value) if rest else value}


def guarded(settings: Settings) -> dict[str, object]:
    """Return the guarded keys and credentials with their values."""
    keys = (*GUARDED, "aircall.api_id", "aircall.api_token")
    return {key: value(settings, key) for key in keys}


def check_reread_loses_nothing(path: Path, file: ConfigFile) -> None:
    """Check that a reload is rejected in one line, or changes no guarded key and no credential."""
    before = guarded(file.settings)
    try:
        after = file.reread()
    except ConfigError as error:
        assert str(error).startswith(f"{path}: ")
        assert "\n" not in str(error)
        assert not [secret for secret in ("a-token", "token-of-the-webhook") if secret in str(error)]
        after = file.settings
    assert guarded(after) == before


def test_settings_keys_are_each_guarded_or_free() -> None:
    known = {*GUARDED, *FREE, *RESTART, *CREDENTIALS, "aircall.api_token"}
    assert known == set(leaves(Settings()))
    assert OTHER.keys() == set(GUARDED)


@pytest.mark.parametrize("key", GUARDED)
def test_reload_without_a_guarded_key_is_rejected_and_says_what_to_write(key: str, tmp_path: Path) -> None:
    path = tmp_path / "aircall.yml"
    path.write_text(yaml.safe_dump({"sla": "10s", **nested(key, OTHER[key])}))
    file = ConfigFile(str(path), SIMULATED_CREDENTIAL)
    before = file.settings
    section, _, name = key.rpartition(".")
    default = value(Settings(), key)
    for rest in ({"sla": "20s"}, {"sla": "20s", **({section: {}} if section else {})}):
        path.write_text(yaml.safe_dump(rest))
        with pytest.raises(ConfigError) as rejected:
            file.reread()
        assert str(rejected.value).startswith(f"{path}: {key}: is missing, expected ")
        assert f"; write {name}: " in str(rejected.value)
        assert file.settings == before
    written = str(default) if isinstance(default, float) and key.endswith("retention") else default
    written = list(written) if isinstance(written, tuple) else written
    path.write_text(yaml.safe_dump(nested(key, written)))
    assert value(file.reread(), key) == default


@pytest.mark.parametrize("key", sorted(FREE))
def test_reload_without_a_free_key_returns_to_the_default(key: str, tmp_path: Path) -> None:
    override = {"Support": {"sla": "15s"}}
    other: dict[str, Any] = {
        "groups": [{"name": "Desk", "users": [1]}],
        "map_users_to_numbers": False,
        "today.starts_at": "06:00",
        "today.time_zone": "Europe/Paris",
        "service_level.ignore_reasons": ["short_abandoned"],
        "call_backs.ignore_reasons": ["abandoned_in_ivr"],
        "thresholds.substatus": {"on_a_break": "15s"},
        "overrides.numbers": override,
        "overrides.teams": override,
    }
    shares = {"thresholds.missed_rate": 0.5, "thresholds.abandoned_rate": 0.5, "service_level.target": 0.5}
    path = tmp_path / "aircall.yml"
    path.write_text(yaml.safe_dump({"caller": "full", **nested(key, (other | shares).get(key, "15s"))}))
    file = ConfigFile(str(path), SIMULATED_CREDENTIAL)
    assert value(file.settings, key) != value(Settings(), key)
    path.write_text("caller: full\n")
    assert value(file.reread(), key) == value(Settings(), key)


@pytest.mark.parametrize("retention", ["0s", "3y", "200d", "30d"])
def test_reload_without_retention_is_rejected_for_each_earlier_value(retention: str, tmp_path: Path) -> None:
    path = tmp_path / "aircall.yml"
    path.write_text(f"caller: masked\nstorage: {{retention: {retention}}}\n")
    file = ConfigFile(str(path), SIMULATED_CREDENTIAL)
    path.write_text("caller: masked\n")
    with pytest.raises(ConfigError, match=r"storage\.retention: is missing.*; write retention: 180d under"):
        file.reread()
    path.write_text("caller: masked\nstorage: {retention: 1d}\n")  # a value that is written is applied
    assert file.reread().storage.retention == Duration(86400)


@pytest.mark.parametrize("left", [1, 2])
def test_reload_of_a_list_of_excluded_users_that_is_cut_off_is_rejected(left: int, tmp_path: Path) -> None:
    path, users = tmp_path / "aircall.yml", ["Test account", "Boss", 123]
    path.write_text(yaml.safe_dump({"caller": "full", "exclude_users": users}, sort_keys=False))
    file = ConfigFile(str(path), SIMULATED_CREDENTIAL)
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[: left + 2]))
    with pytest.raises(ConfigError, match=rf"exclude_users: found only the first {left} of 3 entries"):
        file.reread()
    path.write_text(yaml.safe_dump({"caller": "full", "exclude_users": users[1:]}))
    assert file.reread().exclude_users == ("Boss", 123)


def test_reload_of_any_lines_of_a_full_file_loses_nothing(tmp_path: Path) -> None:
    path = tmp_path / "aircall.yml"
    lines = yaml.safe_dump(FULL, sort_keys=False).splitlines(keepends=True)
    path.write_text("".join(lines))
    file = ConfigFile(str(path), {})
    for end in range(len(lines)):
        for part in (lines[:end], lines[end:]):
            path.write_text("".join(part))
            # a shorter list of teams may be intended, and shows less
            if "".join(part).endswith("- Sales\n"):
                continue
            check_reread_loses_nothing(path, file)
    path.write_text("".join(lines))
    assert file.reread() == load(str(path), {})


@given(
    order=st.permutations(list(FULL)),
    nested_order=st.randoms(use_true_random=False),
    style=st.sampled_from([False, None]),
    where=st.floats(0, 1),
)
@settings(max_examples=60)
def test_reload_cut_off_at_any_byte_loses_nothing(
    tmp_path_factory: pytest.TempPathFactory,
    order: list[str],
    nested_order: Any,
    style: bool | None,
    where: float,
) -> None:
    def shuffled(section: Any) -> Any:
        if not isinstance(section, dict):
            return section
        return dict(nested_order.sample(list(section.items()), len(section)))

    content = {name: shuffled(FULL[name]) for name in order} | {"teams": ["Sales"]}  # part of two is valid
    text = yaml.safe_dump(content, sort_keys=False, default_flow_style=style)
    path = tmp_path_factory.getbasetemp() / "cut-off.yml"
    path.write_text(text)
    file = ConfigFile(str(path), {})
    path.write_text(text[: int(where * len(text))])
    check_reread_loses_nothing(path, file)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("storage:\n  retention: 52w1d\n", "storage:\n  retention: 52w"),
        ("aircall:\n  base_url: https://p.example.com\n", "aircall:\n  base_url: https://p.example.co"),
        ("aircall:\n  api_id: an-id\n", "aircall:\n  api_id: an"),
        ("webhook:\n  token: a-token\n", "webhook:\n  token: a-t"),
        ("webhook:\n  token:\n  - one\n  - two\n", "webhook:\n  token:\n  - one\n  - tw"),
        ("user_limit: 1000\n", "user_limit: 100"),
        ("user_limit: 1000", "user_limit: 100"),
    ],
)
def test_reload_of_a_value_that_may_be_cut_off_is_rejected(before: str, after: str, tmp_path: Path) -> None:
    path = tmp_path / "aircall.yml"
    path.write_text(before)
    file = ConfigFile(str(path), SIMULATED_CREDENTIAL)
    path.write_text(after)
    with pytest.raises(ConfigError, match="expected a line break at its end"):
        file.reread()
    path.write_text(f"{after}\n")
    assert file.reread() == load(str(path), SIMULATED_CREDENTIAL)


def test_reload_of_an_unchanged_file_without_a_last_line_break_is_accepted(tmp_path: Path) -> None:
    path = tmp_path / "aircall.yml"
    path.write_text("storage:\n  retention: 0s")
    file = ConfigFile(str(path), SIMULATED_CREDENTIAL)
    for text in ("storage:\n  retention: 0s", "storage: {retention: 0s}\nsla: 10s"):
        path.write_text(text)
        assert file.reread().storage.retention == Duration(0)


def test_reload_without_a_key_that_comes_from_the_environment_is_accepted(tmp_path: Path) -> None:
    path = tmp_path / "aircall.yml"
    path.write_text("webhook: {token: a}\naircall: {base_url: 'https://a.example'}\n")
    environ = {"AIRCALL_WEBHOOK_TOKEN": "b", "AIRCALL_BASE_URL": "https://b.example"}
    file = ConfigFile(str(path), SIMULATED_CREDENTIAL | environ)
    path.write_text("sla: 10s\n")
    assert file.reread().webhook.tokens == ("b",)


def test_reload_with_the_token_in_a_file_of_its_own_is_accepted(tmp_path: Path) -> None:
    path, token = tmp_path / "aircall.yml", tmp_path / "token"
    token.write_text("the-new-token\nthe-old-token\n")
    path.write_text("webhook: {token: the-old-token}\n")
    file = ConfigFile(str(path), SIMULATED_CREDENTIAL)
    path.write_text(f"webhook: {{token_file: {token}}}\n")
    assert file.reread().webhook.tokens == ("the-new-token", "the-old-token")
    token.write_text("the-new-token\n")
    assert file.reread().webhook.tokens == ("the-new-token",)
    path.write_text("sla: 10s\n")
    with pytest.raises(ConfigError, match=r'webhook\.token: is missing.*; write token: "" under webhook'):
        file.reread()


BEFORE, AFTER = "0123456789abcdef", "fedcba9876543210"


def test_reload_of_a_cut_off_file_keeps_the_token_and_the_retention_in_force(tmp_path: Path) -> None:
    account = SimulatedAccount(users=6, calls_per_hour=0, start=time.time())
    path = tmp_path / "aircall.yml"
    whole = "caller: masked\nstorage: {retention: 0s}\nwebhook: {token: token-of-the-webhook}\n"
    path.write_text(whole)
    flags = [f"--config.file={path}", f"--storage.path={tmp_path}", "--web.enable-lifecycle"]
    event = msgspec.json.encode({"event": "user.opened", "token": "token-of-the-webhook", "data": {}})
    with SimulatedAircall(account) as aircall, process(*flags, **credential(aircall)) as exporter:

        def webhook_status() -> int:
            return requests.post(f"{exporter.url}/webhook", event, timeout=10).status_code

        assert webhook_status() == 200
        for lines, key in ((1, "storage.retention"), (2, "webhook.token")):
            path.write_text("".join(whole.splitlines(keepends=True)[:lines]))
            answer = requests.post(f"{exporter.url}/-/reload", timeout=10)
            assert (answer.status_code, f"{key}: is missing" in answer.text) == (500, True)
            exporter.logged(f"configuration reload failed.*{key}: is missing")
            assert webhook_status() == 200
        path.write_text('caller: masked\nstorage: {retention: 0s}\nwebhook: {token: ""}\n')
        assert requests.post(f"{exporter.url}/-/reload", timeout=10).status_code == 200
        exporter.logged("level=warn.*webhook tokens removed.*removed=1")
        eventually(lambda: webhook_status() == 401)
