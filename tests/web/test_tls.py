"""TLS and client certificates, over real connections with real certificates."""

import subprocess
from pathlib import Path

import pytest
import requests
import structlog

from harness.process import process
from tests.support.authority import (
    HASH,
    MUTUAL,
    PASSWORD,
    TLS,
    Authority,
    common_name,
    exporter,
    secure,
    written,
)
from tests.support.running import eventually


def test_tls_with_a_minimum_version_rejects_older_and_plain_clients(authority: Authority) -> None:
    with exporter(authority, {"tls_server_config": TLS | {"min_version": "TLS13"}}) as exporter_with_tls:
        ca = str(authority.directory / "ca.pem")
        assert requests.get(f"{secure(exporter_with_tls)}/-/healthy", verify=ca, timeout=5).status_code == 200
        with pytest.raises(requests.exceptions.SSLError):
            requests.get(f"{secure(exporter_with_tls)}/-/healthy", timeout=5)
        with pytest.raises(requests.exceptions.ConnectionError):
            requests.get(f"{exporter_with_tls.url}/-/healthy", timeout=5)
        old = ["curl", "-sS", "--cacert", ca, "--tls-max", "1.2", f"{secure(exporter_with_tls)}/-/healthy"]
        assert subprocess.run(old, capture_output=True, check=False).returncode == 35


def test_tls_changed_certificate_is_used_by_the_next_connection(authority: Authority) -> None:
    authority.issue("changing", "first")
    with exporter(
        authority, {"tls_server_config": {"cert_file": "changing.pem", "key_file": "changing.key"}}
    ) as instance:
        assert common_name(instance, authority) == "first"
        authority.issue("changing", "second")
        assert common_name(instance, authority) == "second"
        (authority.directory / "changing.pem").write_text("nonsense")
        with structlog.testing.capture_logs() as logs:
            assert [common_name(instance, authority) for _ in range(3)] == ["second"] * 3
        (rejection,) = [line for line in logs if "web configuration" in line["event"]]
        assert rejection["log_level"] == "error"
        assert "tls_server_config.cert_file: found" in rejection["problem"]
        authority.issue("changing", "third")
        assert common_name(instance, authority) == "third"


def test_tls_client_without_a_certificate_is_rejected(authority: Authority) -> None:
    with exporter(authority, {"tls_server_config": MUTUAL}) as strict:
        ca, client = str(authority.directory / "ca.pem"), str(authority.directory / "client")
        certificate = (f"{client}.pem", f"{client}.key")
        assert (
            requests.get(f"{secure(strict)}/metrics", verify=ca, cert=certificate, timeout=5).status_code
            == 200
        )
        with pytest.raises((requests.exceptions.SSLError, requests.exceptions.ConnectionError)):
            requests.get(f"{secure(strict)}/metrics", verify=ca, timeout=5)


def test_tls_client_certificate_of_another_authority_is_rejected_until_trusted(
    authority: Authority, tmp_path: Path
) -> None:
    other = Authority(tmp_path)
    other.issue("client", "stranger")
    trusted = authority.directory / "clients.pem"
    trusted.write_text((authority.directory / "ca.pem").read_text())
    content = {
        "tls_server_config": TLS
        | {"client_auth_type": "VerifyClientCertIfGiven", "client_ca_file": trusted.name}
    }
    with exporter(authority, content) as lenient:
        url, ca = f"{secure(lenient)}/-/healthy", str(authority.directory / "ca.pem")
        stranger = (str(tmp_path / "client.pem"), str(tmp_path / "client.key"))
        assert requests.get(url, verify=ca, timeout=5).status_code == 200
        with pytest.raises(requests.exceptions.ConnectionError):
            requests.get(url, verify=ca, cert=stranger, timeout=5)
        trusted.write_text((tmp_path / "ca.pem").read_text())
        assert requests.get(url, verify=ca, cert=stranger, timeout=5).status_code == 200


def test_demo_with_a_web_configuration_requires_tls_and_a_password(authority: Authority) -> None:
    path = written(authority.directory, {"tls_server_config": TLS, "basic_auth_users": {"me": HASH}})
    with process("demo", "--users=3", f"--web.config.file={path}") as demo:
        url, ca = demo.url.replace("http://", "https://"), str(authority.directory / "ca.pem")
        right = eventually(
            lambda: requests.get(f"{url}/metrics", auth=("me", PASSWORD), verify=ca, timeout=5)
        )
        assert right.status_code == 200
        assert requests.get(f"{url}/metrics", verify=ca, timeout=5).status_code == 401
        demo.process.terminate()
        assert demo.process.wait(20) == 0
        assert demo.process.stdout is not None
        assert f"{url}/metrics" in demo.process.stdout.read()
