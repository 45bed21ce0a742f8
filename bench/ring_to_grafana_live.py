"""Measure the time from the first ring to Grafana Live: `python -m bench.ring_to_grafana_live`.

As in `bench.ring_to_screen`, with events. In place of Grafana, a server receives the pushes and stores when
each caller was first pushed. The way from Grafana to the browser is not included.
"""

import argparse
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.ring_to_screen import caller_number, callers, percentile, row, started

TARGET_S = 1.0
"""The largest 95th percentile from the ring to the push, in seconds."""


def main() -> int:
    """Measure, and print a table. Returns 1 if the target is missed or a caller is not pushed."""
    parser = argparse.ArgumentParser(prog="python -m bench.ring_to_grafana_live", description=__doc__)
    # So few that no more than eight callers wait at once: the others have no slot until one leaves.
    parser.add_argument("--rings", type=int, default=30, help="default: %(default)s")
    parser.add_argument("--seconds", type=int, default=200, help="default: %(default)s")
    arguments = parser.parse_args()
    with TemporaryDirectory() as directory, receiving() as (url, first):
        token = Path(directory, "token")
        token.write_text("token-of-the-bench")
        live = f"grafana_live: {{url: '{url}', token_file: {token}}}\n"
        with started(events=True, configuration=live) as (account, _):
            rings, _ = callers(account, arguments.rings, arguments.seconds)
            time.sleep(15)  # for the callers who rang last
    rung = {caller_number(place): at for place, at in enumerate(rings.values())}
    pushed = sorted(first[caller] - at for caller, at in rung.items() if caller in first)
    print("| from the first ring until it is pushed | rings | average, s | median, s | p95, s | maximum, s |")
    print("| --- | --: | --: | --: | --: | --: |")
    print(f"| Grafana Live, with events | {row(pushed)} |")
    if len(pushed) < len(rings):
        print(f"{len(rings) - len(pushed)} of {len(rings)} callers were never pushed", file=sys.stderr)
    return int(len(pushed) < len(rings) or percentile(pushed, 95) > TARGET_S)


@contextmanager
def receiving() -> Iterator[tuple[str, dict[str, float]]]:
    """Accept pushes. Returns the URL, and when each caller was first pushed (UNIX seconds), by caller."""
    first: dict[str, float] = {}

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            """Store the callers of a push."""
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            now = time.time()
            for line in body.splitlines():
                caller = line.partition('caller="')[2].partition('"')[0]
                if caller:
                    first.setdefault(caller, now)
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", first
    finally:
        server.shutdown()


if __name__ == "__main__":
    sys.exit(main())
