"""Listen on addresses, or on sockets that systemd has opened."""

import errno
import os
import socket
from collections.abc import Iterable, MutableMapping

from exporter.addresses import LISTEN_ADDRESS, listen_address
from exporter.config.safe_values import shown_value

BACKLOG = 1024
"""Connections that may wait to be accepted. Beyond it, connecting takes a second or more."""


NO_IPV6 = (errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT, errno.EADDRNOTAVAIL, errno.ENOPROTOOPT)
"""Errors on a machine without IPv6."""

FIRST_PASSED = 3
"""The first descriptor that systemd passes, SD_LISTEN_FDS_START of sd_listen_fds(3)."""


class ListenError(Exception):
    """The server cannot listen on the address."""


class AddressError(ListenError):
    """The address is invalid, or systemd has passed no socket."""


def bind_all(addresses: Iterable[str]) -> list[socket.socket]:
    """Listen on each address, as `bind` does. If one fails, none is left open. Raises ListenError."""
    listeners: list[socket.socket] = []
    try:
        for address in addresses:
            listeners.append(bind(address))  # noqa: PERF401 (those before an error have to be closed)
    except ListenError:
        close_all(listeners)
        raise
    return listeners


def close_all(listeners: Iterable[socket.socket]) -> None:
    """Stop listening."""
    for listener in listeners:
        listener.close()


def bind(address: str) -> socket.socket:
    """Listen on `address`, such as ``0.0.0.0:9979``, ``:9979`` or ``[::1]:0``. Raises ListenError.

    Without a host, it listens on all IPv4 and IPv6 addresses of this machine.
    """
    place = listen_address(address)
    if place is None:
        raise AddressError(f"found {shown_value(address)}, expected {LISTEN_ADDRESS}")
    host, port = place
    try:
        if host:
            return _listening(socket.AF_INET6 if ":" in host else socket.AF_INET, host, port)
        try:
            return _listening(socket.AF_INET6, "::", port, both=True)
        except OSError as error:
            if error.errno not in NO_IPV6:
                raise
        return _listening(socket.AF_INET, "", port)
    except OSError as error:
        raise ListenError(f"{address}: cannot listen there: {error.strerror or error}") from None


def _listening(family: int, host: str, port: int, both: bool = False) -> socket.socket:
    # Without IPPROTO_TCP, asyncio does not disable Nagle's algorithm, which delays the body by 40 ms.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if both:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener


def passed_by_systemd(environ: MutableMapping[str, str]) -> list[socket.socket]:
    """Return the sockets that systemd has opened for this process, and remove their variables.

    Raises AddressError if there are none, or if one of them does not listen for connections.
    """
    pid, count = (environ.pop(name, "") for name in ("LISTEN_PID", "LISTEN_FDS"))
    environ.pop("LISTEN_FDNAMES", None)
    if pid != str(os.getpid()) or not count.isdecimal() or int(count) < 1:
        raise AddressError("found no socket from systemd, expected a start by systemd with a .socket unit")
    return [_passed(descriptor) for descriptor in range(FIRST_PASSED, FIRST_PASSED + int(count))]


def _passed(descriptor: int) -> socket.socket:
    expected = "expected one that listens for connections (ListenStream= without Accept=)"
    try:
        listener = socket.socket(fileno=descriptor)
    except OSError:
        raise AddressError(f"found no socket at descriptor {descriptor}, {expected}") from None
    listener.set_inheritable(False)
    accepts = listener.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
    if listener.type != socket.SOCK_STREAM or not accepts:
        raise AddressError(f"found another socket at descriptor {descriptor}, {expected}")
    return listener


def shown(listener: socket.socket) -> str:
    """Return the address of a listener as ``host:port``, with IPv6 hosts in brackets, or ``unix:PATH``."""
    address = listener.getsockname()
    if listener.family == socket.AF_UNIX:
        return f"unix:{os.fsdecode(address)}"
    host, port, *_ = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
