"""Measure the time from the first ring to Grafana Live: `python -m bench.ring_to_grafana_live`.

As in `bench.ring_to_screen`, with events. In place of Grafana, a server records the pushes. The way from
Grafana to the browser is not included.
"""

import argparse
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.ring_to_screen import TOKEN, caller_number, callers, percentile, row, started
from harness.fake_grafana import fake_grafana

TARGET_S = 1.0
"""The largest 95th percentile from the ring to the push, in seconds."""


def main() -> int:
    """Measure, and print a table. Returns 1 if the target is missed or a caller is not pushed."""
    parser = argparse.ArgumentParser(prog="python -m bench.ring_to_grafana_live", description=__doc__)
    # So few that no more than eight callers wait at once: the others have no slot until one leaves.
    parser.add_argument("--rings", type=int, default=30, help="default: %(default)s")
    parser.add_argument("--seconds", type=int, default=200, help="default: %(default)s")
    arguments = parser.parse_args()
    with TemporaryDirectory() as directory, fake_grafana(TOKEN) as grafana:
        token = Path(directory, "token")
        token.write_text(TOKEN)
        live = f"grafana_live: {{url: '{grafana.url}', token_file: {token}}}\n"
        with started(events=True, configuration=live) as (account, _):
            rings, _ = callers(account, arguments.rings, arguments.seconds)
            time.sleep(15)  # for the callers who rang last
    unix = time.time() - time.monotonic()
    first: dict[object, float] = {}
    for push in grafana.pushes:
        for caller in push.callers:
            first.setdefault(caller, push.at + unix)
    rung = {caller_number(place): at for place, at in enumerate(rings.values())}
    pushed = sorted(first[caller] - at for caller, at in rung.items() if caller in first)
    print("| from the first ring until it is pushed | rings | average, s | median, s | p95, s | maximum, s |")
    print("| --- | --: | --: | --: | --: | --: |")
    print(f"| Grafana Live, with events | {row(pushed)} |")
    if len(pushed) < len(rings):
        print(f"{len(rings) - len(pushed)} of {len(rings)} callers were never pushed", file=sys.stderr)
    return int(len(pushed) < len(rings) or percentile(pushed, 95) > TARGET_S)


if __name__ == "__main__":
    sys.exit(main())
