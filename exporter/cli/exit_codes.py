"""The exit codes of all commands. docs/configuration.md lists them."""

from enum import IntEnum


class ExitCode(IntEnum):
    """An exit code. One above 128 is 128 plus the number of a signal, as in a shell."""

    SUCCESS = 0
    """The command succeeded, or a signal stopped the running exporter."""

    FAILED = 1
    """Aircall, the archive, the network or the system returned an error, or `doctor` found a problem."""

    USAGE = 2
    """A flag, an argument or the configuration is invalid."""

    NOT_FOUND = 3
    """No call, caller, user or webhook matches, or several users do."""

    REFUSED = 4
    """The command must not change this user or webhook."""

    HUNG_UP = 129
    """SIGHUP ended `backfill`, as its terminal was closed."""

    INTERRUPTED = 130
    """SIGINT (Ctrl-C) ended the command, or the user did not confirm the change."""

    TERMINATED = 143
    """SIGTERM ended the command, or the exporter before it had started."""


class UsageError(ValueError):
    """An argument of a command is invalid. The text names it."""
