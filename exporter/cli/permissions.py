"""Find files with secrets or callers that all users of the machine can read."""

import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

from exporter.archive.sqlite_files import SUFFIXES
from exporter.config import yaml_file
from exporter.web.config import WebConfig

VARIABLES = (
    "AIRCALL_API_TOKEN_FILE",
    "AIRCALL_STORAGE_URL_FILE",
    "AIRCALL_WEBHOOK_TOKEN_FILE",
    "AIRCALL_GRAFANA_LIVE_TOKEN_FILE",
)
"""Environment variables that name a file with a secret."""

PRIVATE_MOUNTS = ("/run/secrets/", "/var/run/secrets/")
"""Where Docker and Kubernetes mount secrets: world-readable, in a container that only the exporter uses."""


def world_readable_secrets(
    config: str | None, web: WebConfig, environ: Mapping[str, str] = os.environ
) -> list[str]:
    """Return the world-readable files with secrets. All files have been loaded successfully before."""
    return [file for file in _secret_files(config, web, environ) if _is_world_readable(file)]


def _secret_files(config: str | None, web: WebConfig, environ: Mapping[str, str]) -> Iterator[str]:
    if config:
        content = yaml_file.read(config)
        sections = content if isinstance(content, dict) else {}
        names = ("aircall", "storage", "webhook", "grafana_live")
        aircall, storage, webhook, live = (sections.get(name) or {} for name in names)
        if aircall.get("api_token") or "@" in storage.get("url", "") or webhook.get("token"):
            yield config
        named = (
            aircall.get("api_token_file"),
            storage.get("key_file"),
            webhook.get("token_file"),
            live.get("token_file"),
        )
        yield from filter(None, named)
    yield from filter(None, map(environ.get, VARIABLES))
    if web.tls_server_config:
        yield web.tls_server_config.key_file


def is_open_to_all(archive: Path) -> bool:
    """Return whether all users of the machine can read a file of a SQLite archive, in its directory."""
    try:
        is_reachable = bool(archive.resolve().parent.stat().st_mode & stat.S_IXOTH)
    except OSError:
        return False
    return is_reachable and any(_is_world_readable(f"{archive}{suffix}") for suffix in SUFFIXES)


def _is_world_readable(file: str) -> bool:
    try:
        mode = Path(file).stat().st_mode
    except OSError:
        return False
    return stat.S_ISREG(mode) and bool(mode & stat.S_IROTH) and not file.startswith(PRIVATE_MOUNTS)
