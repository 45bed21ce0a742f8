"""Test the loading of the configuration from a file and the environment."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.config.loader import load
from exporter.config.settings import Settings
from exporter.config.yaml_file import ConfigError
from exporter.durations import Duration
from tests.support.config_files import CREDENTIAL, WriteFile


def test_load_with_only_the_credential_uses_defaults(file: WriteFile) -> None:
    assert load(None, CREDENTIAL).activity_period == Duration(900)
    assert load(file(""), CREDENTIAL).refresh.users == Duration(4 * 3600)
    assert load(file("aircall: {api_id: a, api_token: b}"), {}).aircall.api_id == "a"


def test_load_of_many_keys_returns_their_values(file: WriteFile, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("from-the-file\n")
    settings = load(
        file(f"""
aircall:
  api_id: an-id
  api_token_file: {tmp_path}/token
  base_url: http://127.0.0.1:8080/
  requests_per_minute: 120
  budget_share: 0.5
activity_period: 1h30m
sla: 12s
queue_wait: {{warning: 5s, critical: 1m}}
refresh: {{calls: 5s, availabilities: 6s, users: 1h, teams: 2h, numbers: 3h, assignments: 1d}}
teams: [Support, Single Users]
map_users_to_numbers: false
caller: masked
"""),
        {},
    )
    assert settings.aircall.api_token == "from-the-file"
    assert settings.aircall.base_url == "http://127.0.0.1:8080"
    assert (settings.aircall.requests_per_minute, settings.aircall.budget_share) == (120, 0.5)
    assert (settings.activity_period, settings.sla, settings.queue_wait.critical) == tuple(
        map(Duration, (5400, 12, 60))
    )
    assert (settings.refresh.calls, settings.refresh.assignments) == (Duration(5), Duration(86400))
    assert settings.teams == ("Support", "Single Users")
    assert (settings.map_users_to_numbers, settings.caller) == (False, "masked")


def test_load_of_webhook_tokens_returns_and_hides_them(file: WriteFile, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("the-n3w-token\nthe-0ld-token\n")
    tokens = {
        "webhook: {token: n3w}": ("n3w",),
        "webhook: {token: [n3w, 0ld]}": ("n3w", "0ld"),
        f"webhook: {{token_file: {tmp_path}/token}}": ("the-n3w-token", "the-0ld-token"),
        "": (),
    }
    for text, expected in tokens.items():
        settings = load(file(text), CREDENTIAL)
        assert settings.webhook.tokens == expected
        assert not any(token in repr(settings) for token in expected)
        assert {"token", *expected} <= set(settings.secrets)
    environment = CREDENTIAL | {"AIRCALL_WEBHOOK_TOKEN": "another"}
    assert load(file("webhook: {token: n3w}"), environment).webhook.tokens == ("another",)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("webhook: {token: [a, b, c]}", "webhook.token: are more than two"),
        ("webhook: {token: 7}", "webhook.token: found something else, expected a token, or a list of two"),
        ("webhook: {token: a b}", "webhook.token: holds a space"),
        ("webhook: {token: a, token_file: b}", "webhook.token_file: is set in addition to token"),
        ("webhook: {refresh: 0s}", "webhook.refresh: found 0s, expected at least 1s"),
        ("slaa: 5s", "slaa: unknown key, did you mean sla?"),
        ("aircall: {token: x}", "aircall.token: unknown key, did you mean api_token?"),
        ("refresh: {zzz: 5s}", "refresh.zzz: unknown key; known here: calls, availabilities, users"),
        ("sla: 12", "sla: found 12, expected a duration such as 10s, 15m or 1h30m"),
        ("sla: soon", 'sla: found "soon", expected a duration'),
        ("sla: null", "sla: found null, expected a duration"),
        ("queue_wait: 10s", 'queue_wait: found "10s", expected a mapping of keys'),
        (
            "queue_wait: {warning: 30s}",
            "queue_wait.warning: found 30s, expected at most queue_wait.critical (20s)",
        ),
        ("activity_period: 0s", "activity_period: found 0s, expected more than 0s"),
        ("activity_period: 1y", "activity_period: found 365d, expected more than 0s and at most 182d"),
        ("refresh: {calls: 0s}", "refresh.calls: found 0s, expected at least 1s"),
        ("refresh: {calls: [10s]}", 'refresh.calls: found ["10s"], expected a duration'),
        ("teams: Support", 'teams: found "Support", expected a list'),
        ("teams: [1]", "teams[0]: found 1, expected text"),
        ("groups: [{users: [1]}]", "groups[0]"),
        ("groups: [{name: A}]", "groups[0]: is empty, expected users, teams or numbers"),
        (
            "groups: [{name: A, users: [1]}, {name: A, users: [2]}]",
            'groups[1].name: found "A", expected a unique name',
        ),
        ('groups: [{name: "A\\0B", users: [1]}]', "groups[0].name: found"),
        ('groups: [{name: "A\\uD800B", users: [1]}]', "groups[0].name: found"),
        (f"groups: [{{name: {'A' * 201}, users: [1]}}]", "expected up to 200 Unicode characters, not NUL"),
        ("groups: [{name: A, users: [true]}]", "groups[0].users[0]: found true, expected a name or an id"),
        ("groups: [{name: A, user: [1]}]", "groups[0].user: unknown key, did you mean users?"),
        (
            "storage: {retention: 1h}",
            "storage.retention: found 1h, expected at least 1d, or 0s to keep calls indefinitely",
        ),
        ("storage: {standby: true}", "storage.standby: found true, expected a storage.url on PostgreSQL"),
        ("thresholds: {missed_rate: 20}", "thresholds.missed_rate: found 20.0, expected a share from 0"),
        (
            "thresholds: {substatus: [on_a_break]}",
            'thresholds.substatus: found ["on_a_break"], expected a mapping',
        ),
        (
            "thresholds: {substatus: {on_a_break: 20}}",
            "thresholds.substatus.on_a_break: found 20, expected a duration",
        ),
        (
            "thresholds: {substatus: {always_opened: 20m}}",
            "thresholds.substatus.always_opened: is no reason for do not disturb, expected one such as",
        ),
        ("thresholds: {substatus: {'☕': 20m}}", "thresholds.substatus.☕: is no reason for do not disturb"),
        (
            "thresholds: {substatus: {On a break: 20m, on_a_break: 10m}}",
            'thresholds.substatus.on_a_break: is "On a break" in another spelling, expected only one',
        ),
        ("service_level: {target: 80}", "service_level.target: found 80.0, expected a share from 0"),
        ("map_users_to_numbers: 1", "map_users_to_numbers: found 1, expected true or false"),
        ("caller: none", 'caller: found "none", expected full, masked or hidden'),
        ("aircall: {requests_per_minute: many}", 'found "many", expected auto or a number'),
        ("aircall: {requests_per_minute: 1}", "found 1.0, expected auto, or enough"),
        ("aircall: {requests_per_minute: .inf}", "aircall.requests_per_minute: found"),
        ("aircall: {budget_share: 0}", "aircall.budget_share: found 0.0, expected a share above 0"),
        ("aircall: {budget_share: .nan}", "aircall.budget_share: found"),
        (
            "aircall: {base_url: 'http://api.aircall.io'}",
            "expected https (plain http only to a loopback address)",
        ),
        ("aircall: {base_url: 'https://a:b@api.aircall.io'}", "without a user or password"),
        ("aircall: {base_url: 'https://api.aircall.io/v1'}", "expected an address without the version"),
        ("aircall: {base_url: 'ftp://x'}", "expected an address such as https://api.aircall.io"),
        ("aircall: {base_url: 'https://[::1'}", "expected an address such as https://api.aircall.io"),
        ("aircall: {api_id: 5}", "aircall.api_id: found something else, expected text"),
        (
            "aircall: {api_token: x, api_token_file: y}",
            "aircall.api_token_file: is set in addition to api_token",
        ),
        (
            'aircall: {api_token_file: "/dev/a\\0b"}',
            'found "/dev/a\\u0000b", which cannot be read: no name of a file',
        ),
        (
            'aircall: {api_token_file: "/dev/a\\nb"}',
            'found "/dev/a\\nb", which cannot be read: No such file',
        ),
        ("aircall: {api_token_file: /dev/no}", "found /dev/no, which cannot be read: No such file"),
        ("aircall: {api_token_file: /no/such}", "names a file that cannot be read: No such file"),
        ("[]", "found [], expected a mapping of keys"),
        ("just text", "expected a mapping of keys"),
        ("sla: 5s\nsla: 6s", "line 2, column 1: is not valid YAML: the key sla is there twice"),
        ("sla: [", "line 1, column 7: is not valid YAML"),
        ("sla: !!python/object:os.system {}", "is not valid YAML"),
        ("sla: \x00", "is not valid YAML"),
    ],
)
def test_load_of_an_invalid_file_is_rejected_in_one_line(file: WriteFile, text: str, problem: str) -> None:
    path = file(text)
    with pytest.raises(ConfigError) as rejected:
        load(path, CREDENTIAL)
    assert problem in str(rejected.value)
    assert str(rejected.value).startswith(f"{path}: ")
    assert "\n" not in str(rejected.value)


def test_load_without_a_token_names_the_places_to_set_it() -> None:
    with pytest.raises(
        ConfigError, match=r"aircall.api_token: missing; set it here, .* AIRCALL_API_TOKEN_FILE"
    ):
        load(None, {"AIRCALL_API_ID": "id"})


def test_load_of_an_unreadable_file_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        load(str(tmp_path / "none.yml"), CREDENTIAL)
    (tmp_path / "latin.yml").write_bytes(b"teams: [\xff]")
    with pytest.raises(ConfigError, match="is not UTF-8"):
        load(str(tmp_path / "latin.yml"), CREDENTIAL)


@pytest.mark.parametrize(
    "text",
    [
        'aircall: {api_token: SECRETTOK}\n"a\\nb": 1',
        "aircall: {api_token: SECRETTOK}\n1: 2",
        "aircall: {api_token: SECRETTOK, 1: 2}",
        "aircall: [api_token, SECRETTOK]",
        "aircall: 'a:SECRETTOK'",
        "- api_token: SECRETTOK",
        "aircall: {base_url: 'https://u:SECRETTOK@api.aircall.io'}",
        "aircall: {api_token_file: SECRETTOK}",
        "aircall: {api_token_file: a+b/SECRETTOK}",
        "aircall: {api_token_file: /SECRETTOK}",
        "aircall: {api_token_file: '/SECRETTOK/a=='}",
        "aircall: {api_token_file: 'https://u:SECRETTOK@api.aircall.io'}",
        "webhook: {token_file: a+b/SECRETTOK}",
        "aircall: {api_token: *SECRETTOK}",
        "aircall: {api_token: !SECRETTOK x}",
        "aircall: {api_token: [SECRETTOK]}",
        "aircall: {api_token: 'SECRETTOK}",
    ],
)
def test_load_of_an_invalid_file_with_a_token_does_not_print_it(file: WriteFile, text: str) -> None:
    with pytest.raises(ConfigError) as rejected:
        load(file(text), CREDENTIAL)
    assert "SECRETTOK" not in str(rejected.value)
    assert "\n" not in str(rejected.value)


@pytest.mark.parametrize("value", ["postgresql+psycopg://u:SECRETTOK@h/d", "a/SECRETTOK", "/SECRETTOK=="])
def test_load_of_a_secret_in_place_of_its_file_does_not_print_it(value: str) -> None:
    for variable in ("AIRCALL_STORAGE_URL_FILE", "AIRCALL_API_TOKEN_FILE", "AIRCALL_WEBHOOK_TOKEN_FILE"):
        with pytest.raises(ConfigError, match=f"{variable}: names a file that cannot be read") as rejected:
            load(None, {"AIRCALL_API_ID": "id", variable: value})
        assert "SECRETTOK" not in str(rejected.value)


def test_settings_repr_hides_the_credential() -> None:
    assert "the-token" not in repr(load(None, CREDENTIAL | {"AIRCALL_API_TOKEN": "the-token"}))


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["aircall", "sla", "calls", "teams", "warning", "x"]), inner, max_size=4
        )
    ),
    max_leaves=10,
)


@given(st.dictionaries(st.sampled_from([*Settings.__struct_fields__, "x"]), anything, max_size=5))
def test_load_of_any_content_returns_settings_or_is_rejected_in_one_line(
    tmp_path_factory: pytest.TempPathFactory, content: dict[str, Any]
) -> None:
    path = tmp_path_factory.mktemp("fuzz") / "aircall.yml"
    path.write_bytes(msgspec.yaml.encode(content))
    try:
        load(str(path), CREDENTIAL)
    except ConfigError as rejected:
        assert "\n" not in str(rejected)
