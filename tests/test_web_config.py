"""TLS, passwords and headers, as every exporter's: over real connections, with real certificates."""

import socket
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import bcrypt
import pytest
import requests
import yaml

from exporter.demo.simulation import SimulatedAccount
from exporter.webconfig import load_web_config
from exporter.yamlfile import ConfigError
from tests.running import Running, eventually, running
from tests.stack import free_address, program, served

PASSWORD = "correct horse"
NEW_KEY = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"
HASH = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()


class Authority:
    """A certificate authority of the tests' own."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._openssl("req -x509 -days 2 -subj", "/CN=Test CA", "-keyout ca.key -out ca.pem", NEW_KEY)

    def issue(self, name: str, common_name: str) -> None:
        """Write NAME.pem and NAME.key, valid for 127.0.0.1."""
        self._openssl("req -subj", f"/CN={common_name}", f"-keyout {name}.key -out {name}.csr", NEW_KEY)
        (self.directory / "san").write_text("subjectAltName=IP:127.0.0.1\n")
        signed = (
            f"-in {name}.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile san -out {name}.pem"
        )
        self._openssl("x509 -req", signed)

    def _openssl(self, *words: str) -> None:
        """Run openssl; what begins with a slash is one word."""
        arguments = [part for word in words for part in ([word] if word.startswith("/") else word.split())]
        command = [program("openssl", "openssl"), *arguments]
        subprocess.run(command, cwd=self.directory, check=True, capture_output=True)


@pytest.fixture(scope="module")
def authority() -> Iterator[Authority]:
    with tempfile.TemporaryDirectory() as directory:
        authority = Authority(Path(directory))
        authority.issue("server", "first")
        authority.issue("client", "prometheus")
        yield authority


def written(directory: Path, content: object) -> str:
    path = directory / "web.yml"
    path.write_text(content if isinstance(content, str) else yaml.safe_dump(content))
    return str(path)


TLS = {"cert_file": "server.pem", "key_file": "server.key"}
MUTUAL = TLS | {"client_auth_type": "RequireAndVerifyClientCert", "client_ca_file": "ca.pem"}


def exporter(authority: Authority, content: object):
    account = SimulatedAccount(users=6, calls_per_hour=0, start=time.time())
    return running(account, web_config=load_web_config(written(authority.directory, content)))


def secure(exporter: Running) -> str:
    return exporter.url.replace("http://", "https://")


def common_name(exporter: Running, authority: Authority) -> str:
    """The name in the certificate that is served to a new connection."""
    host, port = exporter.url.removeprefix("http://").split(":")
    context = ssl.create_default_context(cafile=str(authority.directory / "ca.pem"))
    with context.wrap_socket(socket.create_connection((host, int(port))), server_hostname=host) as peer:
        return dict(pair[0] for pair in peer.getpeercert()["subject"])["commonName"]


def test_tls(authority: Authority) -> None:
    with exporter(authority, {"tls_server_config": TLS | {"min_version": "TLS13"}}) as served_securely:
        ca = str(authority.directory / "ca.pem")
        assert requests.get(f"{secure(served_securely)}/-/healthy", verify=ca, timeout=5).status_code == 200
        with pytest.raises(requests.exceptions.SSLError):
            requests.get(f"{secure(served_securely)}/-/healthy", timeout=5)
        with pytest.raises(requests.exceptions.ConnectionError):
            requests.get(f"{served_securely.url}/-/healthy", timeout=5)
        old = ["curl", "-sS", "--cacert", ca, "--tls-max", "1.2", f"{secure(served_securely)}/-/healthy"]
        assert subprocess.run(old, capture_output=True, check=False).returncode == 35


def test_a_changed_certificate_is_served_to_the_next_connection(authority: Authority) -> None:
    authority.issue("changing", "first")
    with exporter(
        authority, {"tls_server_config": {"cert_file": "changing.pem", "key_file": "changing.key"}}
    ) as one:
        assert common_name(one, authority) == "first"
        authority.issue("changing", "second")
        assert common_name(one, authority) == "second"
        (authority.directory / "changing.pem").write_text("nonsense")
        assert common_name(one, authority) == "second"


def test_client_certificates(authority: Authority) -> None:
    with exporter(authority, {"tls_server_config": MUTUAL}) as strict:
        ca, client = str(authority.directory / "ca.pem"), str(authority.directory / "client")
        known = (f"{client}.pem", f"{client}.key")
        assert requests.get(f"{secure(strict)}/metrics", verify=ca, cert=known, timeout=5).status_code == 200
        with pytest.raises((requests.exceptions.SSLError, requests.exceptions.ConnectionError)):
            requests.get(f"{secure(strict)}/metrics", verify=ca, timeout=5)


def test_passwords(authority: Authority) -> None:
    with exporter(authority, {"basic_auth_users": {"prometheus": HASH}}) as guarded:
        for path in ("/", "/metrics", "/-/healthy", "/-/ready", "/nowhere"):
            refused = requests.get(guarded.url + path, timeout=5)
            assert refused.status_code == 401
            assert refused.headers["WWW-Authenticate"].startswith("Basic ")
        for user, password in (("prometheus", "wrong"), ("nobody", PASSWORD), ("prometheus", ""), ("", "")):
            assert requests.get(f"{guarded.url}/metrics", auth=(user, password), timeout=5).status_code == 401
        for header in ("Basic ???", "Bearer x", "Basic", "Basic " + "A" * 5000):
            answer = requests.get(f"{guarded.url}/metrics", headers={"Authorization": header}, timeout=5)
            assert answer.status_code == 401
        for _ in range(2):
            right = requests.get(f"{guarded.url}/-/healthy", auth=("prometheus", PASSWORD), timeout=5)
            assert right.status_code == 200
        assert requests.post(f"{guarded.url}/-/refresh", timeout=5).status_code == 401


def test_headers(authority: Authority) -> None:
    headers = {"X-Frame-Options": "deny", "Strict-Transport-Security": "max-age=31536000"}
    with exporter(authority, {"http_server_config": {"headers": headers}}) as framed:
        answer = requests.get(f"{framed.url}/-/healthy", timeout=5)
        assert headers.items() <= answer.headers.items()


def test_a_real_prometheus_with_all_of_it(authority: Authority, tmp_path: Path) -> None:
    content = {"tls_server_config": MUTUAL, "basic_auth_users": {"prometheus": HASH}}
    with exporter(authority, content) as guarded:
        address = free_address()
        files = {name: str(authority.directory / name) for name in ("ca.pem", "client.pem", "client.key")}
        job = {
            "job_name": "aircall",
            "scheme": "https",
            "basic_auth": {"username": "prometheus", "password": PASSWORD},
            "tls_config": {
                "ca_file": files["ca.pem"],
                "cert_file": files["client.pem"],
                "key_file": files["client.key"],
            },
            "static_configs": [{"targets": [guarded.url.removeprefix("http://")]}],
        }
        config = {"global": {"scrape_interval": "1s", "scrape_timeout": "1s"}, "scrape_configs": [job]}
        (tmp_path / "prometheus.yml").write_text(yaml.safe_dump(config))
        prometheus = served(
            program("prometheus", "prometheus"),
            "--config.file=prometheus.yml",
            f"--web.listen-address={address}",
            directory=tmp_path,
            ready=f"http://{address}/-/ready",
        )

        def up() -> bool:
            answer = requests.get(f"http://{address}/api/v1/query", params={"query": "aircall_up"}, timeout=5)
            return bool(answer.json()["data"]["result"])

        with prometheus:
            eventually(up)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("tls_server_config: {cert_file: a}", "tls_server_config"),
        (
            {"tls_server_config": {"cert_file": "no", "key_file": "no"}},
            "cannot be used: No such file or directory",
        ),
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
        ({"http_server_config": {"headers": {"X-Other": "1"}}}, "headers.X-Other: is not a header to be set"),
        ({"http_server_config": {"headers": {"X-Frame-Options": "a\r\nb: c"}}}, "holds a line break"),
        ({"basic_auth": {}}, "basic_auth: unknown key, did you mean basic_auth_users?"),
    ],
    ids=str,
)
def test_what_is_wrong_is_said_in_one_line(authority: Authority, content: object, said: str) -> None:
    path = written(authority.directory, content)
    with pytest.raises(ConfigError) as wrong:
        load_web_config(path)
    assert said in str(wrong.value)
    assert str(wrong.value).startswith(f"{path}: ")
    assert "\n" not in str(wrong.value)
    assert "plain" not in str(wrong.value)


def test_the_command_takes_the_file(authority: Authority, tmp_path: Path) -> None:
    path = written(tmp_path, {"basic_auth_users": {"me": "plain"}})
    flags = [f"--web.config.file={path}", "--web.listen-address=127.0.0.1:0"]
    command = [sys.executable, "-m", "exporter", "demo", *flags]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "basic_auth_users.me: is not a bcrypt hash" in done.stderr
