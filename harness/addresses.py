"""Find free addresses on this machine."""

import random
import socket

PORTS = range(20_000, 32_000)
"""Below the ports of outgoing connections, so that a server can stop and use the same port again."""


def free_address() -> str:
    """Return a free loopback address, HOST:PORT. Raises OSError if there is none."""
    for port in random.sample(PORTS, 100):
        with socket.socket() as free:
            free.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                free.bind(("127.0.0.1", port))
            except OSError:
                continue
        return f"127.0.0.1:{port}"
    raise OSError(f"no free port among 100 of {PORTS.start} to {PORTS.stop - 1}")
