"""The exporter as a process of its own; benches run it as well."""

import signal

from bench.shared.process import COMMAND, Process, credential, process, run

__all__ = ["COMMAND", "Process", "credential", "hear_interruptions", "process", "run"]


def hear_interruptions() -> None:
    """Let the process handle SIGINT, which a process in the background of a shell ignores."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
