"""Test the loading of the configuration from environment variables and the files that they name."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.config.loader import load
from exporter.config.yaml_file import ConfigError
from tests.support.config_files import CREDENTIAL, WriteFile


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
    assert str(rejected.value) == f"environment: {name}: {problem}, expected the key as Aircall shows it"


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
        ("AIRCALL_BASE_URL", "ftp://x", 'found "ftp://x", expected an address such as'),
        ("AIRCALL_BASE_URL", '"https://api.aircall.io"', "expected an address without quotes"),
        ("AIRCALL_BASE_URL", "https://api.aircall.io\n", "expected an address such as"),
        ("AIRCALL_BASE_URL", "https://api .aircall.io", "expected an address such as"),
        (
            "AIRCALL_BASE_URL",
            "https://a:token@api.aircall.io",
            "found an address, expected an address without a",
        ),
        ("AIRCALL_WEBHOOK_TOKEN", "a b c", "are more than two tokens"),
        ("AIRCALL_WEBHOOK_TOKEN", "'token'", "has quotes around it, expected the token as Aircall gave it"),
        ("AIRCALL_API_ID", "id:token", "holds a colon, expected the API ID without the token"),
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
        f"environment: {name}_FILE: found {secret}, which is empty, expected the secret in it"
    )
