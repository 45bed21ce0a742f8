"""Errors in the file of `--web.config.file`: one line that shows no secret."""

from pathlib import Path

import pytest

from exporter.config.yaml_file import ConfigError
from exporter.web.config import load_web_config
from harness.process import run
from tests.support.authority import HASH, MUTUAL, TLS, Authority, with_password, written

CREDENTIAL = {"AIRCALL_API_ID": "id", "AIRCALL_API_TOKEN": "token"}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("tls_server_config: {cert_file: a}", "tls_server_config.key_file: missing"),
        (
            {"tls_server_config": TLS | {"cert_file": "no"}},
            "no, which cannot be read: No such file or directory",
        ),
        ({"tls_server_config": TLS | {"cert_file": "ca.key"}}, "cert_file: found"),
        ({"tls_server_config": TLS | {"key_file": "no"}}, "no, which cannot be read: No such file"),
        ({"tls_server_config": TLS | {"key_file": "client.key"}}, "it does not belong to the certificate"),
        ({"tls_server_config": TLS | {"key_file": "ca.pem"}}, "it is no PEM file, or needs a password"),
        ({"tls_server_config": TLS | {"key_file": "locked.key"}}, "it is no PEM file, or needs a password"),
        ({"tls_server_config": MUTUAL | {"client_ca_file": "ca.key"}}, "client_ca_file: found"),
        (
            {"tls_server_config": TLS | {"client_auth_type": "RequestClientCert"}},
            'found "RequestClientCert", expected NoClientCert, VerifyClientCertIfGiven',
        ),
        ({"rate_limit": {"burst": 1}}, "rate_limit: unknown key"),
        ({"tls_server_config": TLS | {"cipher_suites": []}}, "tls_server_config.cipher_suites: unknown key"),
        ({"tls_server_config": TLS | {"min_version": "TLS10"}}, 'found "TLS10", expected TLS12 or TLS13'),
        (
            {"tls_server_config": TLS | {"min_version": "TLS13", "max_version": "TLS12"}},
            "tls_server_config.min_version: is above max_version",
        ),
        (
            {"tls_server_config": TLS | {"client_auth_type": "RequireAndVerifyClientCert"}},
            "client_ca_file: is missing",
        ),
        ({"tls_server_config": TLS | {"client_ca_file": "ca.pem"}}, "client_ca_file: is set, but"),
        ({"basic_auth_users": {"me": "plain"}}, "basic_auth_users.me: is not a bcrypt hash"),
        ({"basic_auth_users": {"me": HASH.replace("$04$", "$99$")}}, "basic_auth_users.me: is not a bcrypt"),
        ({"basic_auth_users": HASH}, "basic_auth_users: found something else, expected a mapping of keys"),
        ({"basic_auth_users": {7: HASH}}, "basic_auth_users: has a key that is not text"),
        ({"basic_auth_users": {"me": [HASH]}}, "found something else, expected text"),
        ([HASH], "found something else, expected a mapping of keys"),
        ({"http_server_config": {"headers": {"X-Frame-Options": "no"}}}, "expected deny or sameorigin"),
        ({"http_server_config": {"headers": {"X-Other": "1"}}}, "headers.X-Other: is not a header to be set"),
        ({"http_server_config": {"headers": {"X-Frame-Options": "a\r\nb: c"}}}, "holds a line break"),
        ({"basic_auth": {}}, "basic_auth: unknown key, did you mean basic_auth_users?"),
    ],
)
def test_load_web_config_with_an_error_raises_one_line(
    authority: Authority, content: object, message: str
) -> None:
    authority.lock("server", "locked")
    path = written(authority.directory, content)
    with pytest.raises(ConfigError) as error:
        load_web_config(path)
    assert message in str(error.value)
    assert str(error.value).startswith(f"{path}: ")
    assert "\n" not in str(error.value)
    assert "plain" not in str(error.value)
    assert HASH[:12] not in str(error.value)


def test_check_config_with_a_web_configuration_checks_it(tmp_path: Path) -> None:
    settings, web = tmp_path / "aircall.yml", with_password(tmp_path)
    settings.write_text("sla: 8s\n")
    web_only = ["check-config", "--offline", f"--web.config.file={web}"]
    both = [*web_only, str(settings)]
    valid = run(*web_only)
    assert (valid.returncode, valid.stdout) == (0, f"{web}: fine\n")
    assert run(*both, **CREDENTIAL).stdout == f"{settings}: fine\n{web}: fine\n"
    assert (
        run(
            f"--web.config.file={web}", "check-config", "--offline", str(settings), **CREDENTIAL
        ).stdout.count("fine")
        == 2
    )
    written(tmp_path, {"basic_auth_users": {"me": "plain"}})
    assert run(*web_only).returncode == run(*both, **CREDENTIAL).returncode == 2


@pytest.mark.parametrize("arguments", [["demo", "FLAG"], ["FLAG", "demo"], ["FLAG"]], ids=" ".join)
def test_start_with_an_invalid_web_configuration_exits_with_one_line(
    arguments: list[str], tmp_path: Path
) -> None:
    path = written(tmp_path, {"basic_auth_users": {"me": "plain"}})
    flags = [f"--web.config.file={path}" if each == "FLAG" else each for each in arguments]
    done = run(*flags, "--web.listen-address=127.0.0.1:0", **CREDENTIAL)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert f"{path}: basic_auth_users.me: is not a bcrypt hash" in done.stderr
