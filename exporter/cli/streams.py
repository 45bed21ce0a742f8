"""Handle standard streams that are closed, not UTF-8, or broken."""

import io
import os
import sys
from contextlib import suppress

from exporter.cli.exit_codes import ExitCode

_MODES = {"stdin": "r", "stdout": "w", "stderr": "w"}


def prepare() -> None:
    """Open closed standard streams on /dev/null, and let output replace characters that it cannot encode.

    A closed stream would otherwise be given to the next file or connection that is opened.
    """
    for descriptor, (name, mode) in enumerate(_MODES.items()):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest descriptor that is free, which is this one
            setattr(sys, name, open(descriptor, mode, encoding="utf-8", closefd=False))  # noqa: SIM115
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")


def flush_output() -> None:
    """Flush standard output.

    Raises:
        BrokenPipeError: If its reader has gone.
        SystemExit: If writing fails otherwise. The reason is printed before.
    """
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        discard_output()
        print(f"aircall-exporter: cannot write to standard output: {error.strerror}", file=sys.stderr)
        raise SystemExit(ExitCode.FAILED) from None


def discard_output() -> None:
    """Discard pending and further standard output, as it cannot be written."""
    with suppress(io.UnsupportedOperation):  # a stream without a descriptor, which a library replaced
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def encodes(text: str) -> bool:
    """Return whether standard output can encode a text."""
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        return False
    return True
