"""TLS, passwords and headers, as every exporter's: over real connections, with real certificates."""

import os
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import bcrypt
import pytest
import requests
import structlog
import yaml

from exporter.demo.simulation import SimulatedAccount
from exporter.webconfig import load_web_config
from exporter.yamlfile import ConfigError
from tests.running import Running, eventually, running
from tests.stack import free_address, program, served
from tests.test_cli import process

PASSWORD = "correct horse"
NEW_KEY = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"
CA_USE = "-addext keyUsage=critical,keyCertSign,cRLSign"
LEAF = """\
subjectAltName=IP:127.0.0.1
subjectKeyIdentifier=hash
authorityKeyIdentifier=keyid
"""
"""With what RFC 5280 demands: clients from Python 3.13 on insist on it."""
HASH = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()


class Authority:
    """A certificate authority of the tests' own."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._openssl("req -x509 -days 2 -subj", "/CN=Test CA", "-keyout ca.key -out ca.pem", NEW_KEY, CA_USE)

    def issue(self, name: str, common_name: str) -> None:
        """Write NAME.pem and NAME.key, valid for 127.0.0.1."""
        self._openssl("req -subj", f"/CN={common_name}", f"-keyout {name}.key -out {name}.csr", NEW_KEY)
        (self.directory / "san").write_text(LEAF)
        signed = (
            f"-in {name}.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile san -out {name}.pem"
        )
        self._openssl("x509 -req", signed)

    def lock(self, name: str, locked: str) -> None:
        """Write the key of `name` once more, as LOCKED.key behind a password."""
        self._openssl(f"ec -aes256 -passout pass:secret -in {name}.key -out {locked}.key")

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
    context.verify_flags |= ssl.VERIFY_X509_STRICT
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
        with structlog.testing.capture_logs() as logs:
            assert [common_name(one, authority) for _ in range(3)] == ["second"] * 3
        assert [(line["log_level"], line["key"]) for line in logs] == [("error", "cert_file")]
        authority.issue("changing", "third")
        assert common_name(one, authority) == "third"


def test_client_certificates(authority: Authority) -> None:
    with exporter(authority, {"tls_server_config": MUTUAL}) as strict:
        ca, client = str(authority.directory / "ca.pem"), str(authority.directory / "client")
        known = (f"{client}.pem", f"{client}.key")
        assert requests.get(f"{secure(strict)}/metrics", verify=ca, cert=known, timeout=5).status_code == 200
        with pytest.raises((requests.exceptions.SSLError, requests.exceptions.ConnectionError)):
            requests.get(f"{secure(strict)}/metrics", verify=ca, timeout=5)


def test_a_client_certificate_of_another_authority(authority: Authority, tmp_path: Path) -> None:
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


class Checks:
    """Stands in for bcrypt's check: says what was checked, and waits where it is told to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.hashes: list[str] = []
        self.begun, self.go_on = threading.Event(), threading.Event()
        self.go_on.set()
        self._check = bcrypt.checkpw
        monkeypatch.setattr(bcrypt, "checkpw", self)

    def __call__(self, password: bytes, hashed: bytes) -> bool:
        self.hashes.append(hashed.decode())
        self.begun.set()
        assert self.go_on.wait(20)
        return self._check(password, hashed)


def test_a_password_is_checked_once_and_an_unknown_user_takes_as_long_as_any(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    costly = bcrypt.hashpw(b"other", bcrypt.gensalt(5)).decode()
    checks = Checks(monkeypatch)
    with exporter(authority, {"basic_auth_users": {"prometheus": HASH, "admin": costly}}) as guarded:
        for _ in range(3):
            requests.get(f"{guarded.url}/metrics", auth=("prometheus", PASSWORD), timeout=5)
        assert checks.hashes == [HASH]
        requests.get(f"{guarded.url}/metrics", auth=("nobody", PASSWORD), timeout=5)
        assert checks.hashes == [HASH, costly]
        requests.get(f"{guarded.url}/metrics", auth=("admin", PASSWORD), timeout=5)
        assert checks.hashes == [HASH, costly, costly]


def test_guessing_does_not_hold_up_a_scrape(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    checks = Checks(monkeypatch)
    with exporter(authority, {"basic_auth_users": {"prometheus": HASH}}) as guarded:

        def get(password: str) -> int:
            return requests.get(
                f"{guarded.url}/metrics", auth=("prometheus", password), timeout=15
            ).status_code

        assert get(PASSWORD) == 200
        checks.begun.clear()
        checks.go_on.clear()
        guesses = [threading.Thread(target=get, args=("guess",)) for _ in range(60)]
        for guess in guesses:
            guess.start()
        assert checks.begun.wait(5)
        assert get(PASSWORD) == 200
        checks.go_on.set()
        for guess in guesses:
            guess.join(15)
        assert len(checks.hashes) == 61


def test_a_header_that_is_not_text_is_refused_like_any(authority: Authority) -> None:
    with exporter(authority, {"basic_auth_users": {"prometheus": HASH}}) as guarded:
        host, port = guarded.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=5) as raw:
            raw.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Basic \xe9\xff\r\n\r\n")
            assert raw.recv(100).startswith(b"HTTP/1.1 401 ")


def test_headers(authority: Authority) -> None:
    headers = {"X-Frame-Options": "deny", "Strict-Transport-Security": "max-age=31536000"}
    blank = {"X-Content-Type-Options": ""}
    content = {"http_server_config": {"headers": headers | blank}, "basic_auth_users": {"prometheus": HASH}}
    with exporter(authority, content) as framed:
        for password, status in ((PASSWORD, 200), ("wrong", 401)):
            answer = requests.get(f"{framed.url}/-/healthy", auth=("prometheus", password), timeout=5)
            assert answer.status_code == status
            assert headers.items() <= answer.headers.items()
            assert not blank.keys() & answer.headers.keys()


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


def test_the_demo_serves_securely_too(authority: Authority) -> None:
    path = written(authority.directory, {"tls_server_config": TLS, "basic_auth_users": {"me": HASH}})
    with process("demo", "--users=3", f"--web.config.file={path}") as demo:
        url, ca = demo.url.replace("http://", "https://"), str(authority.directory / "ca.pem")
        right = eventually(
            lambda: requests.get(f"{url}/metrics", auth=("me", PASSWORD), verify=ca, timeout=5)
        )
        assert right.status_code == 200
        assert requests.get(f"{url}/metrics", verify=ca, timeout=5).status_code == 401
        demo.process.terminate()
        assert demo.process.wait(5) == 0
        assert f"{url}/metrics" in demo.process.stdout.read()


@pytest.mark.parametrize(
    ("config", "host", "anybody"),
    [
        ({}, "0.0.0.0", True),
        ({}, "::", True),
        ({}, "192.0.2.1", True),
        ({}, "127.0.0.1", False),
        ({}, "::1", False),
        ({"basic_auth_users": {"grafana": HASH}}, "0.0.0.0", False),
        ({"tls_server_config": {"cert_file": "server.pem", "key_file": "server.key"}}, "0.0.0.0", True),
    ],
)
def test_who_gets_in_without_a_password(authority: Authority, config: dict, host: str, anybody: bool) -> None:
    assert load_web_config(written(authority.directory, config)).lets_anybody_in(host) == anybody


def test_a_certificate_that_is_asked_for_keeps_others_out(authority: Authority) -> None:
    tls = {"cert_file": "server.pem", "key_file": "server.key", "client_ca_file": "ca.pem"}
    config = {"tls_server_config": tls | {"client_auth_type": "RequireAndVerifyClientCert"}}
    assert not load_web_config(written(authority.directory, config)).lets_anybody_in("0.0.0.0")
