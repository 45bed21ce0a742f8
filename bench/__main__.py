"""Run all benchmarks with `python -m bench`, or some of them with `python -m bench NAME...`.

`chaos`, which takes an hour for each database, runs only by name.
"""

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent


def main() -> int:
    """Run the named modules, or each one that prints a table. Returns 1 if one of them failed."""
    runnable = [path.stem for path in sorted(HERE.glob("[!_]*.py")) if "__main__" in path.read_text()]
    failed = False
    for name in sys.argv[1:] or runnable:
        print(f"\n## python -m bench.{name}\n", flush=True)
        failed |= subprocess.run([sys.executable, "-m", f"bench.{name}"], check=False).returncode != 0  # noqa: S603
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
