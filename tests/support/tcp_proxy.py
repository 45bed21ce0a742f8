"""A TCP proxy whose connections can be reset on one side only."""

import contextlib
import re
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_RESET_AT_CLOSE = struct.pack("ii", 1, 0)


class Proxy:
    """A proxy of connections to `target`, as host and port."""

    def __init__(self, target: str) -> None:
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self._clients: list[socket.socket] = []
        self._servers: list[socket.socket] = []
        self.reset_at: bytes | None = None
        """Bytes of a client that are not forwarded: the first time, its connection is reset instead."""
        self.pools = False
        """Whether clients are given a process id that is not the server's, as by a connection pooler."""
        self.stall_at: bytes | None = None
        """Bytes of a client that are not forwarded: its connection stays open, and forwards nothing more."""
        self._stalled: set[socket.socket] = set()
        threading.Thread(target=self._accept, daemon=True).start()

    def stall(self) -> None:
        """Keep all present connections open, and forward nothing more, not even the end of one."""
        self._stalled |= {*self._clients, *self._servers}

    def reset_clients(self) -> int:
        """Reset all connections on the client's side; the server keeps its side. Returns how many."""
        clients, self._clients = self._clients, []
        for client in clients:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_AT_CLOSE)
            with contextlib.suppress(OSError):  # the client has closed the connection itself
                client.shutdown(socket.SHUT_RD)
            client.close()
        return len(clients)

    def close(self) -> None:
        self._listener.close()
        self.reset_clients()
        for server in self._servers:
            server.close()

    def _accept(self) -> None:
        host, port = self._target.split(":")
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection((host, int(port)))
                self._clients.append(client)
                self._servers.append(server)
                for source, sink in ((client, server), (server, client)):
                    threading.Thread(target=self._forward, args=(source, sink), daemon=True).start()

    def _forward(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if self.reset_at is not None and source in self._clients and self.reset_at in data:
                    self.reset_at = None
                    self.reset_clients()
                    return
                if self.stall_at is not None and self.stall_at in data:
                    self._stalled |= {source, sink}
                if source in self._stalled:
                    continue
                if self.pools and source in self._servers:
                    data = re.sub(rb"K\0\0\0\x0c....", b"K\0\0\0\x0c\1\2\3\4", data, flags=re.DOTALL)
                sink.sendall(data)
        if source not in self._stalled and source in {*self._clients, *self._servers}:  # its end closed it
            with contextlib.suppress(OSError):
                sink.shutdown(socket.SHUT_WR)


@contextmanager
def proxy(target: str) -> Iterator[Proxy]:
    running = Proxy(target)
    try:
        yield running
    finally:
        running.close()
