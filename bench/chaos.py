"""Run an hour of faults around the exporter: `python -m bench.chaos` prints a table for the documentation.

The installed command fetches a simulated account in real time over real HTTP. Meanwhile it is killed,
restarted, and reloaded with other settings. Its database is unavailable at times, Aircall's API fails, and
events are lost. In the end the archive and all counters are compared with each call of the account.
"""

import argparse
import logging
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from harness.chaos.database import database
from harness.chaos.report import problems, table
from harness.chaos.run import Chaos, Options


def main() -> int:
    """Run once. Returns 1 if there are differences or problems."""
    default = Options()
    parser = argparse.ArgumentParser(prog="python -m bench.chaos", description=__doc__)
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default=default.database)
    parser.add_argument("--minutes", type=float, default=default.seconds / 60, help="(default: %(default)g)")
    parser.add_argument("--seed", type=int, default=default.seed, help="(default: %(default)s)")
    parser.add_argument(
        "--every", type=float, default=default.every, help="seconds between two actions of a kind"
    )
    parser.add_argument("--users", type=int, default=default.users)
    parser.add_argument("--calls-per-hour", type=float, default=default.calls_per_hour)
    parser.add_argument("--settle", type=float, default=default.settle, help="seconds for reading everything")
    parser.add_argument("--only", nargs="+", choices=default.kinds, default=default.kinds, metavar="KIND")
    parser.add_argument("--keep", type=Path, help="a directory for archive and log (default: temporary)")
    given = parser.parse_args()
    logging.disable(logging.ERROR)  # the simulated server's, about interrupted responses
    options = Options(
        database=given.database,
        seconds=60 * given.minutes,
        seed=given.seed,
        users=given.users,
        every=given.every,
        calls_per_hour=given.calls_per_hour,
        settle=given.settle,
        kinds=tuple(given.only),
        loud=True,
    )
    with TemporaryDirectory() as temporary:
        directory = given.keep or Path(temporary)
        directory.mkdir(parents=True, exist_ok=True)
        with database(options.database, directory) as archive, Chaos(options, archive, directory) as chaos:
            try:
                differences = chaos.run()
            finally:
                (directory / "exporter.log").write_text("".join(chaos.exporter.log), encoding="utf-8")
            print(table(chaos, differences))
            found = list(problems(chaos, differences))
            for paragraph in found:
                print(paragraph, file=sys.stderr)
            return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
