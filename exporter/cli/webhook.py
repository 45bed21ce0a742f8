"""Implement the command `aircall-exporter webhook`: create, list and delete webhooks at Aircall."""

import argparse
import sys
from pathlib import Path
from urllib.parse import urlsplit

from exporter.addresses import is_host, is_loopback, web_address
from exporter.aircall.errors import CREDENTIAL_REJECTED, ApiError, CredentialError
from exporter.cli import output
from exporter.cli.api_runner import ApiRunner
from exporter.config.settings import Settings
from exporter.webhooks.registration import RegisteredWebhook, list_webhooks, register, unregister
from exporter.webhooks.tokenfile import NAME, TokenFile

DONE, FAILED, NOT_OURS = 0, 1, 3
"""Exit codes; 2 is a wrong flag or configuration."""


def add_flags(command: argparse.ArgumentParser) -> None:
    """Add the steps and their flags."""
    steps = command.add_subparsers(dest="step", metavar="STEP", required=True)
    create = steps.add_parser("create", help="create a webhook that sends Aircall's events to a URL")
    create.add_argument("url", metavar="URL", help="https URL of the exporter, ending in /webhook")
    create.add_argument(
        "--token-file",
        metavar="FILE",
        help=f"file for the webhook's token (default: {NAME} under --storage.path)",
    )
    steps.add_parser("list", help="list the company's webhooks")
    delete = steps.add_parser("delete", help="delete a webhook of the exporter")
    delete.add_argument("id", metavar="ID", help="id as shown by `webhook list`")


def run(arguments: argparse.Namespace, settings: Settings, directory: str, runner: ApiRunner) -> int:
    """Run a step and return the exit code. Raises ValueError if the URL or the file is invalid."""
    try:
        match arguments.step:
            case "create":
                file = Path(arguments.token_file or Path(directory) / NAME)
                return _create(arguments.url, file, runner)
            case "list":
                return _list(settings, runner)
        return _delete(arguments.id, settings, runner)
    except CredentialError:
        return _failed(CREDENTIAL_REJECTED)
    except ApiError as error:
        return _failed(str(error))


def _create(url: str, file: Path, runner: ApiRunner) -> int:
    if problem := _url_problem(url):
        raise ValueError(f"found {url.partition('?')[0]}, wanted {problem}")
    try:
        with TokenFile(file) as token_file:
            webhook = runner.run(register(url))
            try:
                token_file.put(webhook.token)
            except OSError:
                runner.run(unregister(webhook))
                raise
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise ValueError(f"{file}: cannot be written: {reason}") from None
    print(f"Aircall sends its events to {url} from now on (webhook {webhook.webhook_id}).")
    print(
        f"The token that says that it is Aircall is in {file}, for this user alone. In the configuration:\n"
    )
    print(f"webhook:\n  token_file: {file.resolve()}\n")
    if token_file.before:
        print("The token before it stays in the second line. Reload the exporter, delete the former webhook,")
        print("then remove that line.")
    return DONE


def _list(settings: Settings, runner: ApiRunner) -> int:
    columns = ("id", "name", "url", "active", "events", "ours")
    output.as_table(columns, (_cells(each, settings) for each in runner.run(list_webhooks())))
    return DONE


def _cells(webhook: RegisteredWebhook, settings: Settings) -> tuple[str, ...]:
    ours = webhook.is_ours(settings.webhook.tokens)
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


def _delete(id_: str, settings: Settings, runner: ApiRunner) -> int:
    found = next((each for each in runner.run(list_webhooks()) if each.webhook_id == id_), None)
    if found is None:
        return _failed(f"there is no webhook {id_}, see `webhook list`", NOT_OURS)
    if not found.is_ours(settings.webhook.tokens):
        whose = "its token is not in webhook.token, so it may be another integration's"
        return _failed(f"webhook {id_} stays: {whose}; Aircall's dashboard removes it", NOT_OURS)
    runner.run(unregister(found))
    print(f"Aircall sends nothing more to webhook {id_}; its token can go from the configuration.")
    return DONE


def _url_problem(url: str) -> str:
    """Return a description of a valid URL, or "" if the URL is valid."""
    parts = web_address(url)
    if parts is None or "@" in url or not is_host(parts.hostname or ""):
        return "a URL such as https://calls.example.com/webhook"
    if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
        return "https: events hold callers' numbers and the token"
    return ""


def _failed(problem: str, code: int = FAILED) -> int:
    print(f"aircall-exporter: webhook: {problem}", file=sys.stderr)
    return code
