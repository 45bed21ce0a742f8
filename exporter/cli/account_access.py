"""Access to the account for commands that send requests to Aircall."""

import argparse
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass

from exporter.account.records import UserStates
from exporter.archive.database import ArchiveError
from exporter.cli.api_runner import ApiRunner, api_runner
from exporter.cli.existing_archive import existing_archive, has_running_exporter
from exporter.cli.output import print_problem
from exporter.config.loader import load
from exporter.config.settings import Settings
from exporter.logs import configure_logs


@dataclass(frozen=True)
class AccountAccess:
    """The configured account."""

    settings: Settings
    runner: ApiRunner
    states: UserStates
    """The states that a running exporter last observed; empty if none is running."""


@contextmanager
def account_access(arguments: argparse.Namespace) -> Iterator[AccountAccess]:
    """Provide access to the account. Raises ConfigError.

    If an exporter is running, the command uses the share of the rate limit that the exporter leaves.
    """
    settings = load(arguments.config)
    configure_logs("warn", arguments.log_format, settings.secrets)
    states = _states_of_running_exporter(arguments, settings)
    with api_runner(settings.aircall, shared=states is not None) as runner:
        yield AccountAccess(settings, runner, states or {})


def _states_of_running_exporter(arguments: argparse.Namespace, settings: Settings) -> UserStates | None:
    """Return the users' states, or `None` if no exporter is running."""
    try:
        with closing(existing_archive(arguments)) as archive:
            return archive.user_states() if has_running_exporter(archive) else None
    except ArchiveError as error:
        if settings.storage.url:  # otherwise, there may be no archive
            print_problem(arguments.command, f"archive not used: {error}")
        return None
