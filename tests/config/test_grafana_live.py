"""Test the settings of Grafana Live: the file, the environment, and errors."""

from pathlib import Path

import pytest

from exporter.config.loader import load, load_grafana_live
from exporter.config.reload import ConfigFile
from exporter.config.settings import SIMULATED_CREDENTIAL, GrafanaLive
from exporter.config.yaml_file import ConfigError
from harness.process import run

URL = "https://grafana.example.com"
FROM_ENVIRONMENT = {"AIRCALL_GRAFANA_LIVE_URL": f"{URL}/", "AIRCALL_GRAFANA_LIVE_TOKEN_FILE": "/run/other"}


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return tmp_path / "aircall.yml"


@pytest.mark.parametrize("url", [URL, "http://grafana:3000", f"{URL}:8443/grafana", "http://[::1]:3000"])
def test_load_of_a_valid_address_does_not_need_the_token_yet(config: Path, url: str) -> None:
    config.write_text(f"grafana_live: {{url: '{url}/', token_file: /run/token}}")
    assert load(str(config), SIMULATED_CREDENTIAL).grafana_live == GrafanaLive(url, "/run/token")
    assert load_grafana_live(str(config), {}) == GrafanaLive(url, "/run/token")


def test_load_with_variables_overrides_the_file(config: Path) -> None:
    config.write_text("grafana_live: {url: 'http://grafana:3000', token_file: /run/token}")
    environ = SIMULATED_CREDENTIAL | FROM_ENVIRONMENT
    assert load(str(config), environ).grafana_live == GrafanaLive(URL, "/run/other")
    assert load_grafana_live(None, FROM_ENVIRONMENT) == GrafanaLive(URL, "/run/other")


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        (f"url: {URL}", "token_file: missing, expected a file with the token"),
        (f"url: {URL}, token_file: ' '", "token_file: missing, expected a file with the token"),
        ("token_file: /run/token", f"url: missing, expected the address of Grafana, such as {URL}"),
        (
            "url: grafana:3000, token_file: a/b",
            f'url: found "grafana:3000", expected an address such as {URL}',
        ),
        (f"url: '{URL}?key=SECRETTOK', token_file: a/b", "found an address, expected an address such as"),
        (
            "url: 'https://a:SECRETTOK@b', token_file: a/b",
            "url: found an address, expected an address without a user",
        ),
        ("url: 'https://a..b', token_file: a/b", "expected a valid host name"),
        ("url: 'https://a..b', token_file: a/b", "such as grafana.example.com"),
        ("stream: a/b", 'stream: found "a/b", expected letters, digits, - and _, such as aircall-france'),
        ("stream: ''", 'stream: found "", expected letters, digits'),
        (f"url: {URL}, token: SECRETTOK", "grafana_live.token: unknown key, did you mean token_file?"),
        ("token_file: [SECRETTOK]", "token_file: found something else, "),
    ],
)
def test_load_of_invalid_settings_names_the_key_and_shows_no_secret(
    config: Path, keys: str, problem: str
) -> None:
    config.write_text(f"grafana_live: {{{keys}}}")
    with pytest.raises(ConfigError) as rejected:
        load(str(config), SIMULATED_CREDENTIAL)
    assert str(rejected.value).startswith(f"{config}: grafana_live.")
    assert problem in str(rejected.value)
    assert "SECRETTOK" not in str(rejected.value)
    with pytest.raises(ConfigError):
        load_grafana_live(str(config), {})


@pytest.mark.parametrize(
    ("environ", "problem"),
    [
        (
            {"AIRCALL_GRAFANA_LIVE_URL": "grafana"},
            'AIRCALL_GRAFANA_LIVE_URL: found "grafana", expected an address',
        ),
        ({"AIRCALL_GRAFANA_LIVE_URL": f"'{URL}'"}, "expected an address without quotes"),
    ],
)
def test_load_of_an_invalid_variable_names_it(environ: dict[str, str], problem: str) -> None:
    with pytest.raises(ConfigError, match=r"^environment: AIRCALL_GRAFANA_LIVE_URL: ") as rejected:
        load(None, SIMULATED_CREDENTIAL | {"AIRCALL_GRAFANA_LIVE_TOKEN_FILE": "/run/token"} | environ)
    assert problem in str(rejected.value)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (None, "cannot be read: No such file or directory"),
        ("\n", "is empty"),
        ("'glsa_SECRET'", "has quotes around it, expected the token only"),
    ],
)
def test_check_config_reports_a_file_without_a_token(
    config: Path, tmp_path: Path, content: str | None, problem: str
) -> None:
    file = tmp_path / "token"
    if content is not None:
        file.write_text(content)
    config.write_text(f"grafana_live: {{url: '{URL}', token_file: {file}}}")
    done = run("check-config", "--offline", str(config), **SIMULATED_CREDENTIAL)
    assert (done.returncode, done.stdout) == (2, "")
    assert f"{config}: grafana_live.token_file: found {file}, which {problem}" in done.stderr
    assert "SECRET" not in done.stderr
    file.write_text("glsa_0123456789\n")
    assert run("check-config", "--offline", str(config), **SIMULATED_CREDENTIAL).returncode == 0


def test_reload_of_an_address_that_is_cut_off_is_rejected(config: Path) -> None:
    whole = f"sla: 5s\ngrafana_live:\n  token_file: /run/token\n  url: {URL}\n"
    config.write_text(whole)
    file = ConfigFile(str(config), SIMULATED_CREDENTIAL)
    config.write_text(whole[:-5])
    with pytest.raises(ConfigError, match=r"grafana_live\.url: has changed in a file that may be cut off"):
        file.reread()
    assert file.settings.grafana_live.url == URL
