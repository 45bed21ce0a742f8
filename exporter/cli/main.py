"""Run the commands of `aircall-exporter`."""

import argparse
import signal
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from functools import partial

from exporter.account.records import UserStates
from exporter.archive.database import ArchiveError
from exporter.archive.open_archive import opened
from exporter.archive.store import Archive
from exporter.cli import backfill, calls, forget, plan, streams, users, webhook
from exporter.cli.api_runner import api_runner
from exporter.cli.flags import STORAGE, parse
from exporter.cli.serve import serve
from exporter.config.loader import load, load_storage
from exporter.config.reload import ConfigFile
from exporter.config.settings import SIMULATED_CREDENTIAL
from exporter.config.yaml_file import ConfigError
from exporter.logs import configure_logs
from exporter.web.config import load_web_config
from exporter.web.server import AddressError, ListenError


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Returns:
        The exit code: 0 on success, 1 if the command cannot run, 2 for wrong flags or configuration. The
        commands on the archive (`calls`, `forget`) return 0 if they found calls, 1 if they found none, and 2
        after an error.
    """
    streams.prepare()
    try:
        try:
            code = _run_command(argv)
        finally:
            streams.flush_output()
    except BrokenPipeError:  # the reader has gone, such as `head`
        streams.discard_output()
        return 0
    return code


def _run_command(argv: Sequence[str] | None) -> int:
    arguments = parse(argv)
    commands = {
        "check-config": _check_config,
        "demo": _demo,
        "calls": _on_the_archive,
        "forget": _on_the_archive,
        "backfill": _backfill,
        "plan": _plan,
        "users": _on_aircall,
        "switch": _on_aircall,
        "webhook": _on_aircall,
        None: _run,
    }
    try:
        return commands[arguments.command](arguments)
    except BrokenPipeError:
        raise
    except OSError as error:  # for example, standard output goes to a full disk
        if arguments.command is None:
            raise
        streams.discard_output()
        print(f"aircall-exporter: {arguments.command}: {error.strerror or error}", file=sys.stderr)
        return 1
    except ConfigError as error:
        print(f"aircall-exporter: {error}", file=sys.stderr)
        return 2
    except ArchiveError as error:
        print(f"aircall-exporter: --storage.path: {error}", file=sys.stderr)
        return 1
    except ListenError as error:
        print(f"aircall-exporter: {error}", file=sys.stderr)
        return 2 if isinstance(error, AddressError) else 1
    except ValueError as error:  # an argument of the command is invalid
        if arguments.command is None:
            raise
        print(f"aircall-exporter: {arguments.command}: {error}", file=sys.stderr)
        return 2


def _run(arguments: argparse.Namespace) -> int:
    file = ConfigFile(arguments.config)
    settings = file.settings
    configure_logs(arguments.log_level, arguments.log_format, settings.secrets)
    storage = settings.storage
    archive = opened(storage, arguments.storage or STORAGE, exclusive=storage.standby)
    return serve(arguments, settings, archive, file.reread)


def _check_config(arguments: argparse.Namespace) -> int:
    file, web_file = arguments.file, arguments.web_config
    if not (file or web_file):
        print("aircall-exporter: check-config: wanted a FILE, or --web.config.file=FILE", file=sys.stderr)
        return 2
    if file:
        load(file)
        print(f"{file}: fine")
    if web_file:
        load_web_config(web_file)
        print(f"{web_file}: fine")
    return 0


def _on_the_archive(arguments: argparse.Namespace) -> int:
    """Run a command on the archive. Return 2 after any error, since 1 means that no call was found."""
    run = {"calls": calls.run, "forget": forget.run}[arguments.command]
    try:
        with closing(_existing_archive(arguments)) as archive:
            code = run(arguments, archive, time.time())
        sys.stdout.flush()
    except (BrokenPipeError, ConfigError, ValueError):
        raise
    except (ArchiveError, OSError) as error:
        if isinstance(error, OSError):  # for example, a full disk: print nothing more
            with suppress(OSError):
                streams.discard_output()
        print(f"aircall-exporter: {arguments.command}: {error}", file=sys.stderr)
        return 2
    except Exception:  # Python itself would exit with 1
        traceback.print_exc()
        return 2
    return code


def _backfill(arguments: argparse.Namespace) -> int:
    settings = load(arguments.config)
    configure_logs("warning", arguments.log_format, settings.secrets)
    for number in (signal.SIGTERM, signal.SIGHUP):  # so that the request to a running exporter is withdrawn
        signal.signal(number, signal.default_int_handler)
    try:
        with closing(opened(settings.storage, arguments.storage or STORAGE)) as archive:
            return backfill.run(arguments, settings, archive)
    except ArchiveError as error:
        print(f"aircall-exporter: backfill: {error}", file=sys.stderr)
        return backfill.FAILED


def _on_aircall(arguments: argparse.Namespace) -> int:
    """Run a command that sends requests to Aircall.

    If an exporter is running, the command uses the share of the rate limit that it leaves to others.
    """
    settings = load(arguments.config)
    configure_logs("warn", arguments.log_format, settings.secrets)
    shared = False
    states: UserStates = {}
    try:
        with closing(_existing_archive(arguments)) as archive:
            if shared := backfill.has_running_exporter(archive):
                states = archive.user_states()
    except ArchiveError as error:
        if settings.storage.url:  # otherwise, there may be no archive
            print(f"aircall-exporter: {arguments.command}: archive not used: {error}", file=sys.stderr)
    commands: dict[str, Callable[..., int]] = {
        "users": partial(users.run_users, states=states),
        "switch": users.run_switch,
        "webhook": partial(webhook.run, settings=settings, directory=arguments.storage or STORAGE),
    }
    try:
        with api_runner(settings.aircall, shared) as runner:
            return commands[arguments.command](arguments, runner=runner)
    except KeyboardInterrupt:
        return users.NOT_CONFIRMED


def _plan(arguments: argparse.Namespace) -> int:
    return plan.run(arguments, load(arguments.config, SIMULATED_CREDENTIAL))


def _demo(arguments: argparse.Namespace) -> int:
    from exporter.cli import demo  # noqa: PLC0415 (other commands do not need it)

    return demo.run(arguments)


def _existing_archive(arguments: argparse.Namespace) -> Archive:
    """Open an archive that exists already. This needs no credential."""
    return opened(load_storage(arguments.config), arguments.storage or STORAGE, create=False)
