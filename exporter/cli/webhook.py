"""Implement the command `aircall-exporter webhook`: create, list and delete webhooks at Aircall."""

import argparse
from collections.abc import Collection
from pathlib import Path
from urllib.parse import urlsplit

from exporter.addresses import is_host, is_loopback, web_address
from exporter.cli import output
from exporter.cli.account_access import account_access
from exporter.cli.api_runner import ApiRunner
from exporter.cli.exit_codes import ExitCode, UsageError
from exporter.cli.flags import STORAGE, Subparsers, add_command, add_config_flag
from exporter.cli.web_paths import web_paths
from exporter.config.settings import Settings
from exporter.webhooks.receiver import PATH
from exporter.webhooks.registration import RegisteredWebhook, list_webhooks, register, unregister
from exporter.webhooks.token_file import NAME, TokenFile


def add_parser(subparsers: Subparsers) -> None:
    """Add the command, with its steps."""
    parser = add_command(subparsers, run, "webhook", "create, list or delete webhooks at Aircall")
    add_config_flag(parser)
    steps = parser.add_subparsers(dest="step", metavar="STEP", required=True)
    create = steps.add_parser("create", help="create a webhook that sends Aircall's events to a URL")
    create.add_argument("url", metavar="URL", help="https URL of the exporter, ending in /webhook")
    create.add_argument(
        "--token-file",
        metavar="FILE",
        help=f"file for the webhook's token (default: {NAME} under --storage.path)",
    )
    create.add_argument(
        "--new", action="store_true", help="create another one, with a new token, if the URL has a webhook"
    )
    steps.add_parser("list", help="list the company's webhooks")
    delete = steps.add_parser("delete", help="delete a webhook of the exporter")
    delete.add_argument("id", metavar="ID", help="id as shown by `webhook list`")


def run(arguments: argparse.Namespace) -> ExitCode:
    """Run a step. Raises ApiError, ConfigError, and UsageError if the URL or the file is invalid."""
    with account_access(arguments) as account:
        match arguments.step:
            case "create":
                if problem := _url_problem(arguments.url, web_paths(arguments).link_prefix + PATH):
                    raise UsageError(f"found {arguments.url.partition('?')[0]}, expected {problem}")
                file = Path(arguments.token_file or _default_file(arguments))
                return _create(arguments.url, file, account.runner, arguments.new)
            case "list":
                return _list(_own_tokens(account.settings, arguments), account.runner)
        return _delete(arguments.id, _own_tokens(account.settings, arguments), account.runner)


def _default_file(arguments: argparse.Namespace) -> Path:
    return Path(arguments.storage or STORAGE) / NAME


def _own_tokens(settings: Settings, arguments: argparse.Namespace) -> list[str]:
    """Return the tokens in the configuration and in the file where `create` writes them by default."""
    return [*settings.webhook.tokens, *_tokens_in(_default_file(arguments))]


def _create(url: str, file: Path, runner: ApiRunner, new: bool) -> ExitCode:
    registered = runner.run(list_webhooks())
    known = () if new else [each for each in registered if each.is_same(url)]
    held = _tokens_in(file)
    if in_use := next((each for each in known if each.active and each.is_ours(held)), None):
        print(f"Aircall sends its events to {url} already (webhook {in_use.webhook_id}), see {file}.")
        return ExitCode.SUCCESS
    existing = next((each for each in known if each.active), None)
    if known and existing is None:
        ids = ", ".join(each.webhook_id for each in known)
        remedy = "activate it in Aircall's dashboard, or create another with --new"
        output.print_problem("webhook", f"Aircall has deactivated webhook {ids} of this URL; {remedy}")
        return ExitCode.REFUSED
    if left := next((each for each in registered if each.is_ours(held[1:])), None):
        problem = f"{file} has two tokens, and a third would replace that of webhook {left.webhook_id}"
        output.print_problem("webhook", f"{problem}; delete that webhook first")
        return ExitCode.REFUSED
    try:
        with TokenFile(file) as token_file:
            webhook = existing or runner.run(register(url))
            try:
                token_file.put(webhook.token)
            except (OSError, KeyboardInterrupt):
                if existing is None:
                    runner.run(unregister(webhook))
                raise
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise UsageError(f"{file}: cannot be written: {reason}") from None
    since = "from now on" if existing is None else "already"
    print(f"Aircall sends its events to {url} {since} (webhook {webhook.webhook_id}).")
    print(
        f"The token that says that it is Aircall is in {file}, for this user alone. In the configuration:\n"
    )
    print(f"webhook:\n  token_file: {file.resolve()}\n")
    if token_file.before:
        print("The token before it stays in the second line. Reload the exporter, delete the former webhook,")
        print("then remove that line.")
    return ExitCode.SUCCESS


def _tokens_in(file: Path) -> list[str]:
    try:
        return file.read_text(encoding="utf-8").split()
    except (OSError, UnicodeDecodeError):
        return []


def _list(tokens: Collection[str], runner: ApiRunner) -> ExitCode:
    found = runner.run(list_webhooks())
    if not found:
        output.print_problem("webhook", "the company has no webhooks")
        return ExitCode.SUCCESS
    columns = ("id", "name", "url", "active", "events", "ours")
    output.as_table(list(map(output.Column, columns)), (_cells(each, tokens) for each in found))
    return ExitCode.SUCCESS


def _cells(webhook: RegisteredWebhook, tokens: Collection[str]) -> tuple[str, ...]:
    ours = webhook.is_ours(tokens)
    return (
        webhook.webhook_id,
        webhook.custom_name or "",
        _address(webhook.url, ours),
        "yes" if webhook.active else "no",
        str(len(webhook.events)),
        "yes" if ours else "no",
    )


def _address(url: str, ours: bool) -> str:
    """Return the URL; of other integrations only the host, as their paths may contain tokens."""
    try:
        parts = urlsplit(url)
    except ValueError:  # another integration's URL may be invalid
        return "…"
    return f"{parts.scheme}://{parts.hostname or ''}{parts.path if ours else '/…'}"


def _delete(id_: str, tokens: Collection[str], runner: ApiRunner) -> ExitCode:
    found = next((each for each in runner.run(list_webhooks()) if each.webhook_id == id_), None)
    if found is None:
        output.print_problem("webhook", f"there is no webhook {id_}, see `webhook list`")
        return ExitCode.NOT_FOUND
    if not found.is_ours(tokens):
        whose = "its token is not in webhook.token or the configuration, so it may be another integration's"
        output.print_problem("webhook", f"webhook {id_} stays: {whose}; Aircall's dashboard removes it")
        return ExitCode.REFUSED
    runner.run(unregister(found))
    print(f"Aircall sends nothing more to webhook {id_}; its token can go from the configuration.")
    return ExitCode.SUCCESS


def _url_problem(url: str, path: str) -> str:
    """Return a description of a valid URL, or "" if the URL is valid. Its path must end in `path`."""
    parts = web_address(url)
    if parts is None or "@" in url or not is_host(parts.hostname or ""):
        return "a URL such as https://calls.example.com/webhook"
    if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
        return "https: events hold callers' numbers and the token"
    if not parts.path.endswith(path):
        return f"a path that ends in {path}, where the exporter accepts events"
    return ""
