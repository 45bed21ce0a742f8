"""End a command in order if a signal interrupts it."""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

from exporter.cli.exit_codes import ExitCode


class Interrupted(KeyboardInterrupt):
    """A signal ends the command."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.exit_code = ExitCode(128 + number)


@contextmanager
def interruptible(*numbers: signal.Signals) -> Iterator[None]:
    """Let these signals raise Interrupted, unless the process ignores them."""
    handled = [number for number in numbers if signal.getsignal(number) is not signal.SIG_IGN]
    before = [(number, signal.signal(number, _interrupt)) for number in handled]
    hook, sys.unraisablehook = sys.unraisablehook, _exit_if_lost
    try:
        yield
    finally:
        sys.unraisablehook = hook
        for number, handler in before:
            signal.signal(number, handler)


@contextmanager
def blocked(*numbers: signal.Signals) -> Iterator[None]:
    """Let no thread that starts meanwhile receive these signals, as only the main thread waits for them."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, numbers)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _interrupt(number: int, _: FrameType | None) -> NoReturn:
    raise Interrupted(number)


def _exit_if_lost(lost: "sys.UnraisableHookArgs") -> None:
    """Exit at once if the signal arrived in a destructor or callback, where Python drops exceptions."""
    if isinstance(lost.exc_value, Interrupted):
        os._exit(lost.exc_value.exit_code)
    sys.__unraisablehook__(lost)
