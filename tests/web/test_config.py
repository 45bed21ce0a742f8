"""What is wrong with a file of `--web.config.file` is said in one line."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from exporter.config.yaml_file import ConfigError
from exporter.web.config import load_web_config
from harness.process import run
from tests.support.authority import HASH, MUTUAL, TLS, Authority, with_password, written


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("tls_server_config: {cert_file: a}", "tls_server_config.key_file: missing"),
        (
            {"tls_server_config": TLS | {"cert_file": "no"}},
            "no, which cannot be read: No such file or directory",
        ),
        ({"tls_server_config": TLS | {"cert_file": "ca.key"}}, "cert_file: found"),
        ({"tls_server_config": TLS | {"key_file": "no"}}, "no, which cannot be read: No such file"),
        ({"tls_server_config": TLS | {"key_file": "client.key"}}, "it does not belong to the certificate"),
        ({"tls_server_config": TLS | {"key_file": "ca.pem"}}, "it is no PEM file, or wants a password"),
        ({"tls_server_config": TLS | {"key_file": "locked.key"}}, "it is no PEM file, or wants a password"),
        ({"tls_server_config": MUTUAL | {"client_ca_file": "ca.key"}}, "client_ca_file: found"),
        (
            {"tls_server_config": TLS | {"client_auth_type": "RequestClientCert"}},
            'found "RequestClientCert", wanted NoClientCert, VerifyClientCertIfGiven',
        ),
        ({"rate_limit": {"burst": 1}}, "rate_limit: unknown key"),
        ({"tls_server_config": TLS | {"cipher_suites": []}}, "tls_server_config.cipher_suites: unknown key"),
        ({"tls_server_config": TLS | {"min_version": "TLS10"}}, 'found "TLS10", wanted TLS12 or TLS13'),
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
        ({"basic_auth_users": HASH}, "basic_auth_users: found something else, wanted a mapping of keys"),
        ({"basic_auth_users": {7: HASH}}, "basic_auth_users: has a key that is not text"),
        ({"basic_auth_users": {"me": [HASH]}}, "found something else, wanted text"),
        ([HASH], "found something else, wanted a mapping of keys"),
        ({"http_server_config": {"headers": {"X-Frame-Options": "no"}}}, "wanted deny or sameorigin"),
        ({"http_server_config": {"headers": {"X-Other": "1"}}}, "headers.X-Other: is not a header to be set"),
        ({"http_server_config": {"headers": {"X-Frame-Options": "a\r\nb: c"}}}, "holds a line break"),
        ({"basic_auth": {}}, "basic_auth: unknown key, did you mean basic_auth_users?"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(authority: Authority, content: object, said: str) -> None:
    authority.lock("server", "locked")
    path = written(authority.directory, content)
    with pytest.raises(ConfigError) as wrong:
        load_web_config(path)
    assert said in str(wrong.value)
    assert str(wrong.value).startswith(f"{path}: ")
    assert "\n" not in str(wrong.value)
    assert "plain" not in str(wrong.value)
    assert HASH[:12] not in str(wrong.value)


def test_a_file_is_checked_beside_the_configuration_or_alone(tmp_path: Path) -> None:
    settings, web = tmp_path / "aircall.yml", with_password(tmp_path)
    settings.write_text("sla: 8s\n")
    alone = ["check-config", f"--web.config.file={web}"]
    both = [*alone, str(settings)]
    known = {"AIRCALL_API_ID": "id", "AIRCALL_API_TOKEN": "token"}
    assert (run(*alone).returncode, run(*alone).stdout) == (0, f"{web}: fine\n")
    assert run(*both, **known).stdout == f"{settings}: fine\n{web}: fine\n"
    assert run(f"--web.config.file={web}", "check-config", str(settings), **known).stdout.count("fine") == 2
    written(tmp_path, {"basic_auth_users": {"me": "plain"}})
    assert run(*alone).returncode == run(*both, **known).returncode == 2


@pytest.mark.parametrize("arguments", [["demo", "FLAG"], ["FLAG", "demo"], ["FLAG"]], ids=" ".join)
def test_a_wrong_file_stops_the_start(arguments: list[str], tmp_path: Path) -> None:
    path = written(tmp_path, {"basic_auth_users": {"me": "plain"}})
    flags = [f"--web.config.file={path}" if each == "FLAG" else each for each in arguments]
    credential = {"AIRCALL_API_ID": "id", "AIRCALL_API_TOKEN": "token"}
    command = [sys.executable, "-m", "exporter", *flags]
    done = subprocess.run(
        [*command, "--web.listen-address=127.0.0.1:0"],
        env=os.environ | credential | {"PYTHONPATH": str(Path(__file__).parents[1])},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert f"{path}: basic_auth_users.me: is not a bcrypt hash" in done.stderr
