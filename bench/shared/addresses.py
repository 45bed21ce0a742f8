"""Addresses on this machine to listen on."""

import socket


def free_address() -> str:
    """Return a loopback address, HOST:PORT, on which nothing listens now."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{free.getsockname()[1]}"
