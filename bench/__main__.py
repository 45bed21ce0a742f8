"""Everything that is measured by hand, in turn: `python -m bench`, or `python -m bench NAME...`.

Only by name: `chaos`, which takes an hour for each database.
"""

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent


def main() -> int:
    """Run what is named, or each module that prints a table; gives 1 where one of them failed."""
    runnable = [path.stem for path in sorted(HERE.glob("[!_]*.py")) if "__main__" in path.read_text()]
    failed = False
    for name in sys.argv[1:] or runnable:
        print(f"\n## python -m bench.{name}\n", flush=True)
        failed |= subprocess.run([sys.executable, "-m", f"bench.{name}"], check=False).returncode != 0  # noqa: S603
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
