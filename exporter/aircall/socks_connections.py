"""Connections through a SOCKS proxy, with the deadline of the current attempt. Needs PySocks."""

import socket
from typing import Any, cast

import socks
from urllib3 import connectionpool
from urllib3.connection import HTTPSConnection
from urllib3.contrib.socks import SOCKSConnection

from exporter.aircall.transport import ProxyRefusedError, Watched, present

DEFAULT_PORT = 1080
"""The port of a SOCKS proxy whose URL has none."""


class _Tunnelled(Watched, SOCKSConnection):
    """A watched connection through a SOCKS proxy.

    Each address of the proxy is tried, and with a scheme that resolves names locally (`socks4`, `socks5`),
    each address of the server.
    """

    def _new_conn(self) -> Any:
        options = self._socks_options
        targets = [self.host]
        if not options["rdns"]:
            families = [socket.AF_INET] if options["socks_version"] == socks.SOCKS4 else socket.AddressFamily
            present.get().resolves_server = True
            found = self.look_up(self._dns_host, self.port)
            present.get().resolves_server = False
            targets = [each[4][0] for each in found if each[0] in families]
        port = int(options["proxy_port"] or DEFAULT_PORT)
        proxies = self.look_up((options["proxy_host"] or "").strip("[]"), port)
        return self.first_that_connects([(proxy, target) for target in targets for proxy in proxies])

    def open(self, address: Any, seconds: float) -> socket.socket:
        """Connect to one address of the server through one of the proxy. Raises OSError."""
        (family, kind, protocol, _, proxy), target = address
        options = self._socks_options
        sock: Any = socks.socksocket(family, kind, protocol)
        sock.set_proxy(
            options["socks_version"],
            *proxy[:2],
            rdns=options["rdns"],
            username=options["username"],
            password=options["password"],
        )
        try:
            self.prepare(sock, seconds)
            present.get().watch(sock.fileno())  # the deadline includes the negotiation with the proxy
            sock.connect((target, self.port))
        except OSError as error:
            sock.close()
            raise _reason(error) from None
        return cast("socket.socket", sock)


class _TunnelledTls(_Tunnelled, HTTPSConnection):
    """A tunnelled connection over TLS."""


class _Pool(connectionpool.HTTPConnectionPool):
    ConnectionCls = _Tunnelled


class _TlsPool(connectionpool.HTTPSConnectionPool):
    ConnectionCls = _TunnelledTls


POOLS = {"http": _Pool, "https": _TlsPool}


def _reason(error: OSError) -> OSError:
    """Return the operating system's error that PySocks wraps, or the refusal of the proxy."""
    while isinstance(error, socks.ProxyError) and error.socket_err:
        error = error.socket_err
    if isinstance(error, socks.ProxyError):
        return ProxyRefusedError(error.msg.rpartition(": ")[2])  # without the code of the reason
    return error
