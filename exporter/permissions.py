"""Files with secrets in them that everybody on the machine can read."""

import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

from exporter import config_file
from exporter.web.config import WebConfig

VARIABLES = ("AIRCALL_API_TOKEN_FILE", "AIRCALL_STORAGE_URL_FILE", "AIRCALL_WEBHOOK_TOKEN_FILE")
"""What names a file with a secret in the environment."""

PRIVATE_MOUNTS = ("/run/secrets/", "/var/run/secrets/")
"""Where Docker and Kubernetes mount secrets: for all to read, in a container where there is only us."""


def world_readable_secrets(
    config: str | None, web: WebConfig, environ: Mapping[str, str] = os.environ
) -> list[str]:
    """The files with secrets that others than their owner and group can read; all have been read before."""
    return [file for file in _with_secrets(config, web, environ) if _readable_by_all(file)]


def _with_secrets(config: str | None, web: WebConfig, environ: Mapping[str, str]) -> Iterator[str]:
    if config:
        content = config_file.read(config)
        sections = content if isinstance(content, dict) else {}
        aircall, storage, webhook = (sections.get(name) or {} for name in ("aircall", "storage", "webhook"))
        if aircall.get("api_token") or "@" in storage.get("url", "") or webhook.get("token"):
            yield config
        named = (aircall.get("api_token_file"), storage.get("key_file"), webhook.get("token_file"))
        yield from filter(None, named)
    yield from filter(None, map(environ.get, VARIABLES))
    if web.tls_server_config:
        yield web.tls_server_config.key_file


def _readable_by_all(file: str) -> bool:
    try:
        mode = Path(file).stat().st_mode
    except OSError:
        return False
    return stat.S_ISREG(mode) and bool(mode & stat.S_IROTH) and not file.startswith(PRIVATE_MOUNTS)
