"""Test the loading of the configuration from a file and the environment."""

import re
from collections.abc import Callable
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

CREDENTIAL = {"AIRCALL_API_ID": "id", "AIRCALL_API_TOKEN": "token"}


WriteFile = Callable[[str], str]


@pytest.fixture
def file(tmp_path: Path) -> WriteFile:
    """Return a function that writes a configuration file and returns its path."""

    def write(text: str) -> str:
        path = tmp_path / "aircall.yml"
        path.write_text(text, encoding="utf-8")
        return str(path)

    return write


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
        ("webhook: {token: 7}", "webhook.token: found something else, wanted a token, or a list of two"),
        ("webhook: {token: a b}", "webhook.token: holds a space"),
        ("webhook: {token: a, token_file: b}", "webhook.token_file: is set in addition to token"),
        ("webhook: {refresh: 0s}", "webhook.refresh: found 0s, wanted at least 1s"),
        ("slaa: 5s", "slaa: unknown key, did you mean sla?"),
        ("aircall: {token: x}", "aircall.token: unknown key, did you mean api_token?"),
        ("refresh: {zzz: 5s}", "refresh.zzz: unknown key; known here: calls, availabilities, users"),
        ("sla: 12", "sla: found 12, wanted a duration such as 10s, 15m or 1h30m"),
        ("sla: soon", 'sla: found "soon", wanted a duration'),
        ("sla: null", "sla: found null, wanted a duration"),
        ("queue_wait: 10s", 'queue_wait: found "10s", wanted a mapping of keys'),
        (
            "queue_wait: {warning: 30s}",
            "queue_wait.warning: found 30s, wanted at most queue_wait.critical (20s)",
        ),
        ("activity_period: 0s", "activity_period: found 0s, wanted more than 0s"),
        ("activity_period: 1y", "activity_period: found 365d, wanted more than 0s and at most 182d"),
        ("refresh: {calls: 0s}", "refresh.calls: found 0s, wanted at least 1s"),
        ("refresh: {calls: [10s]}", 'refresh.calls: found ["10s"], wanted a duration'),
        ("teams: Support", 'teams: found "Support", wanted a list'),
        ("teams: [1]", "teams[0]: found 1, wanted text"),
        ("groups: [{users: [1]}]", "groups[0]"),
        ("groups: [{name: A}]", "groups[0]: is empty, wanted users, teams or numbers"),
        (
            "groups: [{name: A, users: [1]}, {name: A, users: [2]}]",
            'groups[1].name: found "A", wanted a unique name',
        ),
        ("groups: [{name: A, users: [true]}]", "groups[0].users[0]: found true, wanted a name or an id"),
        ("groups: [{name: A, user: [1]}]", "groups[0].user: unknown key, did you mean users?"),
        (
            "storage: {retention: 1h}",
            "storage.retention: found 1h, wanted at least 1d, or 0s to keep calls indefinitely",
        ),
        ("storage: {standby: true}", "storage.standby: found true, wanted a storage.url on PostgreSQL"),
        ("thresholds: {missed_rate: 20}", "thresholds.missed_rate: found 20.0, wanted a share from 0"),
        ("service_level: {target: 80}", "service_level.target: found 80.0, wanted a share from 0"),
        ("map_users_to_numbers: 1", "map_users_to_numbers: found 1, wanted true or false"),
        ("caller: none", 'caller: found "none", wanted full, masked or hidden'),
        ("aircall: {requests_per_minute: many}", 'found "many", wanted auto or a number'),
        ("aircall: {requests_per_minute: 1}", "found 1.0, wanted auto, or enough"),
        ("aircall: {requests_per_minute: .inf}", "aircall.requests_per_minute: found"),
        ("aircall: {budget_share: 0}", "aircall.budget_share: found 0.0, wanted a share above 0"),
        ("aircall: {budget_share: .nan}", "aircall.budget_share: found"),
        (
            "aircall: {base_url: 'http://api.aircall.io'}",
            "wanted https (plain http only to a loopback address)",
        ),
        ("aircall: {base_url: 'https://a:b@api.aircall.io'}", "without a user or password"),
        ("aircall: {base_url: 'https://api.aircall.io/v1'}", "wanted an address without the version"),
        ("aircall: {base_url: 'ftp://x'}", "wanted an address such as https://api.aircall.io"),
        ("aircall: {base_url: 'https://[::1'}", "wanted an address such as https://api.aircall.io"),
        ("aircall: {api_id: 5}", "aircall.api_id: found something else, wanted text"),
        (
            "aircall: {api_token: x, api_token_file: y}",
            "aircall.api_token_file: is set in addition to api_token",
        ),
        (
            'aircall: {api_token_file: "/a\\0b"}',
            'found "/a\\u0000b", which cannot be read: no name of a file',
        ),
        ('aircall: {api_token_file: "/a\\nb"}', 'found "/a\\nb", which cannot be read: No such file'),
        ("aircall: {api_token_file: /no/such}", "found /no/such, which cannot be read: No such file"),
        ("[]", "found [], wanted a mapping of keys"),
        ("just text", "wanted a mapping of keys"),
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


def test_load_of_file_and_environment_prefers_the_environment(file: WriteFile, tmp_path: Path) -> None:
    path = file("aircall: {api_id: file, api_token: file, base_url: 'https://file.example'}")
    (tmp_path / "secret").write_text("from-file\n")
    environ = {
        "AIRCALL_API_ID": "env",
        "AIRCALL_API_TOKEN_FILE": str(tmp_path / "secret"),
        "AIRCALL_BASE_URL": "https://env.example",
    }
    aircall = load(path, environ).aircall
    assert (aircall.api_id, aircall.api_token, aircall.base_url) == (
        "env",
        "from-file",
        "https://env.example",
    )
    with pytest.raises(ConfigError, match="AIRCALL_API_ID_FILE: is set in addition to AIRCALL_API_ID"):
        load(None, CREDENTIAL | {"AIRCALL_API_ID_FILE": "x"})


INVALID_CREDENTIALS = {
    '"abc"': "has quotes around it",
    "'abc'": "has quotes around it",
    '"abc': "has quotes around it",
    " 'abc' ": "has quotes around it",
    "\u201cabc\u201d": "has quotes around it",
    "abc ": "holds a space",
    "a\u00a0bc": "holds a space",
    "a\tbc": "holds a space",
    "abc\r": "holds a line break",
    "abc\n": "holds a line break",
    "a\u2028bc": "holds a line break",
    " ": "holds nothing but spaces",
    "\ufeffabc": "holds a character outside ASCII",
    "abcé": "holds a character outside ASCII",
    "abc\udce9": "holds a character outside ASCII",
    "a\x00bc": "holds a control character",
    "a\x1bbc": "holds a control character",
}
"""Values that a credential cannot have, and the reasons in the errors."""


@pytest.mark.parametrize(("value", "problem"), INVALID_CREDENTIALS.items())
@pytest.mark.parametrize("name", ["AIRCALL_API_ID", "AIRCALL_API_TOKEN"])
def test_load_odd_credential_from_the_environment_names_the_variable(
    name: str, value: str, problem: str
) -> None:
    with pytest.raises(ConfigError) as rejected:
        load(None, CREDENTIAL | {name: value})
    assert str(rejected.value) == f"environment: {name}: {problem}, wanted the key as Aircall shows it"


@pytest.mark.parametrize(("value", "problem"), INVALID_CREDENTIALS.items())
def test_load_odd_credential_from_a_file_names_the_file_and_its_key(
    file: WriteFile, tmp_path: Path, value: str, problem: str
) -> None:
    secret = tmp_path / "token"
    secret.write_text(value, encoding="utf-8", errors="surrogateescape")
    if not secret.read_bytes().strip() or value != value.strip():
        secret.write_text('"abc"')  # spaces and line breaks around a file's content are removed
        problem = "has quotes around it"
    if "\udce9" in value:
        problem = "cannot be read: not UTF-8 text"
    config = file(f"aircall: {{api_token_file: {secret}}}")
    environ = {"AIRCALL_API_ID": "id"}
    for path, variables, where in (
        (config, {}, f"{config}: aircall.api_token_file: "),
        (None, {"AIRCALL_API_TOKEN_FILE": str(secret)}, "environment: AIRCALL_API_TOKEN_FILE: "),
    ):
        with pytest.raises(ConfigError) as rejected:
            load(path, environ | variables)
        assert str(rejected.value).startswith(f"{where}found {secret}, which {problem}")


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("AIRCALL_BASE_URL", "ftp://x", 'found "ftp://x", wanted an address such as'),
        ("AIRCALL_BASE_URL", '"https://api.aircall.io"', "wanted an address without quotes"),
        ("AIRCALL_BASE_URL", "https://api.aircall.io\n", "wanted an address such as"),
        ("AIRCALL_BASE_URL", "https://api .aircall.io", "wanted an address such as"),
        (
            "AIRCALL_BASE_URL",
            "https://a:token@api.aircall.io",
            "found an address, wanted an address without a",
        ),
        ("AIRCALL_WEBHOOK_TOKEN", "a b c", "are more than two tokens"),
        ("AIRCALL_WEBHOOK_TOKEN", "'token'", "has quotes around it, wanted the token as Aircall gave it"),
        ("AIRCALL_API_ID", "id:token", "holds a colon, wanted the API ID without the token"),
        ("AIRCALL_STORAGE_URL", "'sqlite:////tmp/a'", "has quotes around it"),
    ],
)
def test_load_value_of_the_environment_that_is_wrong_names_the_variable(
    file: WriteFile, name: str, value: str, problem: str
) -> None:
    with pytest.raises(ConfigError) as rejected:
        load(file("sla: 5s"), CREDENTIAL | {name: value})
    assert str(rejected.value).startswith(f"environment: {name}: ")
    assert problem in str(rejected.value)
    assert "token@" not in str(rejected.value)


def test_load_storage_url_from_a_file_that_is_wrong_names_the_variable(tmp_path: Path) -> None:
    url = tmp_path / "url"
    url.write_text("nonsense")
    with pytest.raises(ConfigError) as rejected:
        load(None, CREDENTIAL | {"AIRCALL_STORAGE_URL_FILE": str(url)})
    assert str(rejected.value).startswith(
        f"environment: AIRCALL_STORAGE_URL_FILE: found {url}, which is no address"
    )


@given(st.text(min_size=1))
def test_load_with_any_token_accepts_printable_ascii_without_quotes_only(token: str) -> None:
    valid = all("!" <= char <= "~" for char in token) and not {token[0], token[-1]} & set("\"'`")
    try:
        assert load(None, CREDENTIAL | {"AIRCALL_API_TOKEN": token}).aircall.api_token == token
        assert valid
    except ConfigError as rejected:
        assert not valid
        assert str(rejected).startswith("environment: AIRCALL_API_TOKEN: ")


@pytest.mark.parametrize("token", ["two words", "line\nbreak", "é", "id:token\r"])
def test_load_of_an_invalid_token_does_not_print_it(token: str) -> None:
    with pytest.raises(ConfigError) as rejected:
        load(None, CREDENTIAL | {"AIRCALL_API_TOKEN": token})
    assert token not in str(rejected.value)


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


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        (
            "nonsense",
            "is no address of a database, wanted one such as postgresql+psycopg://user@host/aircall",
        ),
        ("postgresql+psycopg://u:secret@h:port/d", "is no address of a database"),
        ("postgresql+nothing://u:secret@h/d", "is no address of a database"),
        (
            "postgresql+psycopg2://u:secret@h/d",
            "found the driver postgresql+psycopg2, which is not supported",
        ),
        (
            "postgresql://u:secret@h/d",
            "found the driver postgresql, which is not supported, wanted postgresql+",
        ),
        ("postgresql+psycopg_async://u:secret@h/d", "found the driver postgresql+psycopg_async, which"),
        ("postgresql+asyncpg://u:secret@h/d", "found the driver postgresql+asyncpg, which is not supported"),
        ("sqlite+aiosqlite:////tmp/secret", "found the driver sqlite+aiosqlite, which is not supported"),
        ("postgres://u:secret@h/d", "is of a kind that is not supported, wanted postgresql+psycopg://"),
        ("mysql://u:secret@h/d", "is of a kind that is not supported"),
    ],
)
def test_load_of_an_invalid_database_url_is_rejected_without_its_password(
    tmp_path: Path, url: str, problem: str
) -> None:
    file = tmp_path / "aircall.yml"
    file.write_text(f"storage: {{url: '{url}'}}\n", encoding="utf-8")
    for environ, where in (
        ({}, f"{file}: storage.url: "),
        ({"AIRCALL_STORAGE_URL": url + "x"}, "environment: "),
    ):
        with pytest.raises(ConfigError) as rejected:
            load(str(file), CREDENTIAL | environ)
        assert str(rejected.value).startswith(where)
        assert problem in str(rejected.value)
        assert "secret" not in str(rejected.value)


@pytest.mark.parametrize(
    "url",
    [
        *("sqlite://", "sqlite:///", "sqlite:///:memory:", "sqlite+pysqlite://", "sqlite:///%3Amemory%3A"),
        *(
            "sqlite:///file::memory:?uri=true",
            "sqlite:///file:%3Amemory%3A?uri=1",
            "sqlite:///file:?uri=true",
        ),
        "sqlite:///file:calls?mode=memory&cache=shared&uri=true",
        *("sqlite:///file:/calls?vfs=memdb&uri=true", "sqlite:///?cache=shared", "sqlite:///:memory:?x=1"),
    ],
)
def test_load_of_a_database_in_memory_is_rejected_in_one_line(tmp_path: Path, url: str) -> None:
    file = tmp_path / "aircall.yml"
    file.write_text(f"storage: {{url: '{url}'}}\n", encoding="utf-8")
    for path, environ, where in (
        (str(file), {}, f"{file}: storage.url: "),
        (None, {"AIRCALL_STORAGE_URL": url}, "environment: AIRCALL_STORAGE_URL: "),
    ):
        with pytest.raises(ConfigError) as rejected:
            load(path, CREDENTIAL | environ)
        assert str(rejected.value).startswith(f"{where}found a SQLite database in memory")
        assert "\n" not in str(rejected.value)


@pytest.mark.parametrize(
    "url", ["sqlite:////tmp/calls.sqlite", "sqlite:///file:/tmp/c.sqlite?uri=true", "sqlite:///file::memory:"]
)
def test_load_of_a_database_file_is_accepted(url: str) -> None:
    assert load(None, CREDENTIAL | {"AIRCALL_STORAGE_URL": url}).storage.url == url


def test_load_of_a_storage_url_from_the_environment_returns_and_hides_it(tmp_path: Path) -> None:
    secret = tmp_path / "url"
    secret.write_text("sqlite:////tmp/elsewhere.sqlite\n", encoding="utf-8")
    settings = load(None, CREDENTIAL | {"AIRCALL_STORAGE_URL_FILE": str(secret)})
    assert settings.storage.url == "sqlite:////tmp/elsewhere.sqlite"
    assert "elsewhere" not in repr(settings)


VARIABLES = ("AIRCALL_API_ID", "AIRCALL_API_TOKEN", "AIRCALL_STORAGE_URL", "AIRCALL_WEBHOOK_TOKEN")


@pytest.mark.parametrize("blank", [" ", "\t", "\n", " \r\n ", "\u00a0", "\u2003"])
@pytest.mark.parametrize(
    "name", ["AIRCALL_BASE_URL", *VARIABLES, *(f"{variable}_FILE" for variable in VARIABLES)]
)
def test_load_blank_variable_is_refused_and_named(file: WriteFile, name: str, blank: str) -> None:
    written = "webhook: {token: a-token}\nstorage: {url: 'sqlite:////tmp/calls.db'}\n"
    environ = {key: value for key, value in CREDENTIAL.items() if f"{key}_FILE" != name}
    for path in (file(written), None):
        with pytest.raises(ConfigError) as rejected:
            load(path, environ | {name: blank})
        assert str(rejected.value).startswith(f"environment: {name}: ")
        assert "\n" not in str(rejected.value)


VALID_HOSTS = (
    *(
        "api.aircall.io",
        "api.aircall.io.",
        "API.Aircall.io",
        "proxy",
        "my-proxy",
        "my_proxy.internal",
        "1x.io",
    ),
    *(
        "xn--9ca.io",
        "\u00e9.io",
        "a" * 63 + ".io",
        ".".join(["a" * 49] * 5),
        "127.0.0.1",
        "[::1]",
        "192.0.2.1",
    ),
)
BAD_HOSTS = (
    *("-bad-..", "api..aircall.io", ".api.aircall.io", "api.aircall.io..", "..", ".", "-api.io", "api-.io"),
    *("a" * 64 + ".io", "a" * 300, ".".join(["a" * 60] * 5), "\u00e9..io", "\u00e9" * 60 + ".io"),
    *("api,aircall.io", "*.aircall.io", "api.aircall.io,", "api!.io", "'api.aircall.io'", "(api).io"),
)


@pytest.mark.parametrize("host", VALID_HOSTS)
def test_load_address_with_a_valid_host_is_accepted(host: str) -> None:
    address = f"https://{host}:8443"
    assert load(None, CREDENTIAL | {"AIRCALL_BASE_URL": address}).aircall.base_url == address


@pytest.mark.parametrize("host", BAD_HOSTS)
def test_load_address_with_a_host_that_is_not_valid_is_refused_in_one_line(
    file: WriteFile, host: str
) -> None:
    path = file(msgspec.yaml.encode({"aircall": {"base_url": f"https://{host}/"}}).decode())
    for source, environ in ((path, {}), (None, {"AIRCALL_BASE_URL": f"https://{host}"})):
        with pytest.raises(ConfigError) as rejected:
            load(source, CREDENTIAL | environ)
        assert re.match(
            f"{source}: aircall.base_url: " if source else "environment: AIRCALL_BASE_URL: ",
            str(rejected.value),
        )
        assert "such as " in str(rejected.value)
        assert "\n" not in str(rejected.value)


@pytest.mark.parametrize("blank", ["", " ", "\n \r\n", "\u00a0"])
@pytest.mark.parametrize("name", VARIABLES)
def test_load_file_of_the_environment_that_is_blank_is_refused_and_named(
    tmp_path: Path, name: str, blank: str
) -> None:
    secret = tmp_path / "secret"
    secret.write_text(blank, encoding="utf-8")
    environ = {key: value for key, value in CREDENTIAL.items() if key != name}
    with pytest.raises(ConfigError) as rejected:
        load(None, environ | {f"{name}_FILE": str(secret)})
    assert str(rejected.value) == (
        f"environment: {name}_FILE: found {secret}, which is empty, wanted the secret in it"
    )
