"""The command `aircall-exporter`, which is also `python -m exporter`.

Importing the commands takes most of a second. This module imports none of them before it handles signals.
"""

import os
import signal
import sys
from types import FrameType


def main() -> int:
    """Run the command line and return the exit code.

    A signal ends the process at once until the command runs, and again when it has ended. An exception would
    print a traceback if it was raised during an import. A container's first process must handle SIGTERM,
    because the kernel drops it otherwise.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _exit_at_once)
    _import_structlog()
    from exporter.cli.main import main as run_command  # noqa: PLC0415 (takes long)

    code = run_command()
    if code > 128:
        os._exit(code)  # an interrupted command may have left threads that never end
    return code


def _import_structlog() -> None:
    """Import structlog without rich, which it would import for tracebacks in colour and which needs 4 MB."""
    sys.modules["rich"] = None  # type: ignore[assignment]  # an import of it fails
    import structlog  # noqa: F401, PLC0415 (see above)

    del sys.modules["rich"]


def _exit_at_once(number: int, _: FrameType | None) -> None:
    os._exit(128 + number)


if __name__ == "__main__":
    sys.exit(main())
