"""A certificate authority for tests, and exporters with a `--web.config.file`."""

import socket
import ssl
import subprocess
import time
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import bcrypt
import yaml

from exporter.simulator.simulation import SimulatedAccount
from exporter.web.config_reloader import WebConfigReloader
from tests.support.running import Running, running
from tests.support.stack import program

PASSWORD = "correct horse"
NEW_KEY = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"
CA_USE = "-addext keyUsage=critical,keyCertSign,cRLSign"
LEAF = """\
subjectAltName=IP:127.0.0.1
subjectKeyIdentifier=hash
authorityKeyIdentifier=keyid
"""
"""Extensions that RFC 5280 requires. Clients in Python 3.13 and later check them."""
USER = ("prometheus", PASSWORD)
HASH = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()


class Authority:
    """A certificate authority for tests."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._openssl("req -x509 -days 2 -subj", "/CN=Test CA", "-keyout ca.key -out ca.pem", NEW_KEY, CA_USE)

    def issue(self, name: str, common_name: str, days: int = 2) -> None:
        """Write NAME.pem and NAME.key, valid for 127.0.0.1 and `days`."""
        self._openssl("req -subj", f"/CN={common_name}", f"-keyout {name}.key -out {name}.csr", NEW_KEY)
        (self.directory / "san").write_text(LEAF)
        signed = f"-in {name}.csr -CA ca.pem -CAkey ca.key -CAcreateserial -extfile san -out {name}.pem"
        self._openssl(f"x509 -req -days {days}", signed)

    def lock(self, name: str, locked: str) -> None:
        """Write the key of `name` also as LOCKED.key, encrypted with a password."""
        self._openssl(f"ec -aes256 -passout pass:secret -in {name}.key -out {locked}.key")

    def _openssl(self, *words: str) -> None:
        """Run openssl. Arguments are separated by spaces, except in those that begin with a slash."""
        arguments = [part for word in words for part in ([word] if word.startswith("/") else word.split())]
        command = [program("openssl", "openssl"), *arguments]
        subprocess.run(command, cwd=self.directory, check=True, capture_output=True)


TLS = {"cert_file": "server.pem", "key_file": "server.key"}
MUTUAL = TLS | {"client_auth_type": "RequireAndVerifyClientCert", "client_ca_file": "ca.pem"}


def written(directory: Path, content: object) -> str:
    path = directory / "web.yml"
    path.write_text(content if isinstance(content, str) else yaml.safe_dump(content))
    return str(path)


def with_password(directory: Path) -> str:
    """Write a file that requires `USER`'s password."""
    return written(directory, {"basic_auth_users": {USER[0]: HASH}})


def exporter(authority: Authority, content: object, **served: Any) -> AbstractContextManager[Running]:
    """Run an exporter with a web configuration file of this content."""
    account = SimulatedAccount(users=6, calls_per_hour=0, start=time.time())
    return running(account, web=WebConfigReloader(written(authority.directory, content)), **served)


def secure(exporter: Running) -> str:
    return exporter.url.replace("http://", "https://")


def common_name(exporter: Running, authority: Authority) -> str:
    """Return the name in the certificate that a new connection receives."""
    host, port = exporter.url.removeprefix("http://").split(":")
    context = ssl.create_default_context(cafile=str(authority.directory / "ca.pem"))
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    with context.wrap_socket(socket.create_connection((host, int(port))), server_hostname=host) as peer:
        certificate: Any = peer.getpeercert()
    return str(dict(pair[0] for pair in certificate["subject"])["commonName"])
