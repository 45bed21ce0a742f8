"""Send requests over plain sockets."""

import socket
from contextlib import ExitStack

from tests.support.running import Running

SMALL = "GET /-/healthy HTTP/1.1\r\nHost: a\r\n"


def connected(instance: Running, stack: ExitStack) -> socket.socket:
    host, port = instance.url.partition("://")[2].split(":")
    return stack.enter_context(socket.create_connection((host, int(port)), timeout=20))


def is_closed_by_server(client: socket.socket) -> bool:
    """Wait until the server closes the connection, after any response."""
    try:
        while client.recv(2**16):
            pass
    except ConnectionError:
        pass
    return True


def is_answered(client: socket.socket) -> bool:
    """Send a request, and wait for the whole response."""
    client.sendall(f"{SMALL}\r\n".encode())
    response = b""
    while not response.endswith(b"is healthy.\n"):
        more = client.recv(1000)
        assert more, response
        response += more
    return response.startswith(b"HTTP/1.1 200")


def response_in_pieces(instance: Running, head: bytes, pieces: int) -> bytes:
    """Return the first response to a head that arrives in this number of pieces."""
    with ExitStack() as stack:
        client = connected(instance, stack)
        try:
            for start in range(0, len(head), -(-len(head) // pieces)):
                client.sendall(head[start : start + -(-len(head) // pieces)])
            return client.recv(1000)
        except ConnectionError:
            return b""
