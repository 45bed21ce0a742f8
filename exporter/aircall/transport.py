"""Connections to servers: one deadline for each request, and detection of dead idle connections."""

import http.client
import socket
import threading
import time
from base64 import b64encode
from collections.abc import Hashable, Sequence
from contextvars import ContextVar
from types import TracebackType
from typing import Any, Self

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3 import connectionpool

from exporter.aircall.connecting import Addresses, AddressOrder, Lookups, first_that_connects

MAX_IDLE_S = 30.0
"""Seconds for which an unused connection is kept. NATs and load balancers drop idle connections without
notice, most of them after a minute or more."""

MIN_SILENT_DROP_S = 2.0
"""Seconds for which a connection must be idle before a NAT may drop it without notice."""

SHORT_IDLE_PERIOD_S = 3600.0
"""Seconds for which connections are kept for a shorter time after idle ones were dropped."""


class ProxyRefusedError(OSError):
    """A SOCKS proxy refuses to connect. The text is its reason."""


class Attempt:
    """A request that is under way: its deadline and its progress.

    At the deadline, a separate thread shuts down the socket. That ends every kind of wait: for a proxy, a TLS
    handshake, headers that arrive one by one, endless `100 Continue`, or a body.
    """

    def __init__(self, seconds: float, max_idle: float) -> None:
        """Allow `seconds` for the request, on a connection that was idle for at most `max_idle` seconds."""
        self.max_idle = max_idle
        self.idle = 0.0
        """Seconds for which the reused connection had been idle."""
        self.reused = False
        """Whether the request was sent on a connection that was used before."""
        self.answered = False
        """Whether at least one byte of the response has arrived."""
        self.expired = False
        self.resolves_server = False
        """Whether the server's name is being looked up although there is a proxy."""
        self.proxy: str | None = None
        """The proxy's URL, which may contain a credential."""
        self.verify: bool | str | None = None
        """The CA certificates for verification: a path, or True for certifi's list."""
        self._deadline = time.monotonic() + seconds
        self._sockets: list[socket.socket] = []
        self._lock = threading.Lock()
        self._timer = threading.Timer(seconds, self._expire)
        self._timer.daemon = True

    def __enter__(self) -> Self:
        self._timer.start()
        self._outer = present.set(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        present.reset(self._outer)
        self._timer.cancel()
        with self._lock:
            for each in self._sockets:
                each.close()
            self._sockets.clear()

    @property
    def remaining(self) -> float:
        """Seconds until the deadline."""
        return self._deadline - time.monotonic()

    @property
    def is_dropped(self) -> bool:
        """Whether a reused connection turned out to be dead: no byte of the response arrived.

        A request that waits until its deadline on a connection that was just used hangs for another reason.
        """
        hangs = (self.expired or self.remaining <= 0) and self.idle < MIN_SILENT_DROP_S
        return self.reused and not self.answered and not hangs

    def watch(self, fileno: int) -> None:
        """Shut down the socket with this file descriptor at the deadline.

        It is duplicated, because TLS moves the original into another object.
        """
        watched = socket.fromfd(fileno, socket.AF_INET, socket.SOCK_STREAM)
        with self._lock:
            self._sockets.append(watched)
            if self.expired:
                _shut_down(watched)

    def _expire(self) -> None:
        with self._lock:
            self.expired = True
            for each in self._sockets:
                _shut_down(each)


present: ContextVar[Attempt] = ContextVar("attempt")
"""The request that this thread sends."""


def _shut_down(sock: socket.socket) -> None:
    try:
        sock.shutdown(socket.SHUT_RDWR)
    except OSError:  # not connected any more
        return


_lookups = Lookups()
_order = AddressOrder()


class _Response(http.client.HTTPResponse):
    """Records that the first byte of the response has arrived."""

    def begin(self) -> None:
        if self.fp.peek(1):
            present.get().answered = True
        super().begin()


class Watched(urllib3.connection.HTTPConnection):
    """A connection that is shut down at the deadline of the current attempt."""

    response_class = _Response
    _used_at = 0.0
    _address: Hashable = None
    """The address that was tried last."""

    @property
    def is_connected(self) -> bool:
        """Whether the connection can be reused. If not, urllib3 opens another one."""
        attempt = present.get()
        attempt.idle = time.monotonic() - self._used_at
        return attempt.idle <= attempt.max_idle and super().is_connected

    def request(self, *arguments: Any, **named: Any) -> None:
        """Send a request, and record whether its connection has been used before."""
        attempt = present.get()
        attempt.reused = self.sock is not None and self._used_at > 0
        if self.sock is not None:
            attempt.watch(self.sock.fileno())
        super().request(*arguments, **named)

    def getresponse(self) -> urllib3.HTTPResponse:  # type: ignore[override]  # as urllib3 has it
        """Return the response, and record when the connection was used."""
        response = super().getresponse()
        self._used_at = time.monotonic()
        _order.answered((self.host, self.port), self._address)
        return response

    def close(self) -> None:
        """Close the connection. A new one has not been used."""
        self._used_at = 0.0
        super().close()

    def _new_conn(self) -> socket.socket:
        return self.first_that_connects(self.look_up(self._dns_host, self.port))

    def look_up(self, host: str, port: int) -> Addresses:
        """Return the addresses of a host. Raises NameResolutionError or ConnectTimeoutError."""
        attempt = present.get()
        try:
            return _lookups.find(host, port, attempt.remaining)
        except socket.gaierror as error:
            raise urllib3.exceptions.NameResolutionError(host, self, error) from error
        except TimeoutError as error:
            raise urllib3.exceptions.ConnectTimeoutError(self, "the name lookup took too long") from error

    def first_that_connects(self, addresses: Sequence[Hashable]) -> socket.socket:
        """Try one address after the other. Raises NewConnectionError or ConnectTimeoutError."""
        attempt = present.get()
        longest = self.timeout if isinstance(self.timeout, int | float) else attempt.remaining
        in_order = _order.sorted((self.host, self.port), addresses)
        try:
            connected = first_that_connects(in_order, self._try, lambda: attempt.remaining, longest)
        except TimeoutError as error:
            raise urllib3.exceptions.ConnectTimeoutError(self, "connecting took too long") from error
        except OSError as error:
            raise urllib3.exceptions.NewConnectionError(self, str(error)) from error
        attempt.watch(connected.fileno())
        return connected

    def _try(self, address: Any, seconds: float) -> socket.socket:
        self._address = address
        _order.tried((self.host, self.port), address)
        return self.open(address, seconds)

    def open(self, address: Any, seconds: float) -> socket.socket:
        """Connect to one address within `seconds`. Raises OSError."""
        family, kind, protocol, _, peer = address
        sock = socket.socket(family, kind, protocol)
        try:
            self.prepare(sock, seconds)
            sock.connect(peer)
        except OSError:
            sock.close()
            raise
        return sock

    def prepare(self, sock: socket.socket, seconds: float) -> None:
        """Set the options and the timeout of a new socket."""
        for option in self.socket_options or ():
            sock.setsockopt(*option)
        sock.settimeout(seconds)


class WatchedTls(Watched, urllib3.connection.HTTPSConnection):
    """A watched connection over TLS."""


class _Pool(connectionpool.HTTPConnectionPool):
    ConnectionCls = Watched


class _TlsPool(connectionpool.HTTPSConnectionPool):
    ConnectionCls = WatchedTls


_POOLS = {"http": _Pool, "https": _TlsPool}


class Transport(HTTPAdapter):
    """Opens connections that follow the current attempt, and closes those that were idle for too long."""

    def __init__(self) -> None:
        self._max_idle, self._cautious_until = MAX_IDLE_S, 0.0
        self._survived = MAX_IDLE_S
        """The longest idle time (seconds) after which a connection has worked since the last dropped one."""
        super().__init__()

    @property
    def max_idle(self) -> float:
        """Seconds for which an unused connection is kept."""
        return self._max_idle if time.monotonic() < self._cautious_until else MAX_IDLE_S

    def init_poolmanager(self, *arguments: Any, **named: Any) -> None:
        """Use our connection pools for direct connections."""
        super().init_poolmanager(*arguments, **named)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, proxy: str, **named: Any) -> Any:
        """Use our connection pools for connections through a proxy."""
        try:
            manager = super().proxy_manager_for(proxy, **named)
        except ValueError as error:  # an unknown version of SOCKS
            raise requests.exceptions.InvalidProxyURL from error
        if proxy.lower().startswith("socks"):
            from exporter.aircall import socks_connections  # noqa: PLC0415 (needs PySocks, which is optional)

            manager.pool_classes_by_scheme = socks_connections.POOLS
        else:
            manager.pool_classes_by_scheme = _POOLS
        return manager

    def proxy_headers(self, proxy: str) -> dict[str, str]:
        """Return the headers for the proxy. A password that requests cannot encode is sent as UTF-8."""
        try:
            return dict(super().proxy_headers(proxy))
        except UnicodeEncodeError:
            credential = ":".join(requests.utils.get_auth_from_url(proxy))
            return {"Proxy-Authorization": f"Basic {b64encode(credential.encode()).decode()}"}

    def send(self, request: requests.PreparedRequest, *arguments: Any, **named: Any) -> requests.Response:
        """Send a request, and record for how long its connection had been idle."""
        attempt = present.get()
        attempt.verify = named.get("verify")
        attempt.proxy = requests.utils.select_proxy(request.url or "", named.get("proxies"))
        response = super().send(request, *arguments, **named)
        if attempt.reused:
            self._survived = max(self._survived, attempt.idle)
        return response

    def drop_connections(self, idle: float) -> None:
        """Close all connections, because one was dead after `idle` seconds without use.

        A single dead connection may have another cause, such as a restart of the server. So the idle limit is
        reduced only if no connection that was idle for as long has worked since the last dead one. For an
        hour, it is then half as long, or the longest time that has worked.
        """
        self.close()
        if idle > self._survived:
            self._max_idle = max(self._survived, min(self.max_idle, idle) / 2)
            self._cautious_until = time.monotonic() + SHORT_IDLE_PERIOD_S
        self._survived = 0.0
