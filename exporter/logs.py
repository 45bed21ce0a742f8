"""Log to standard error, as logfmt like Prometheus or as JSON, with secrets redacted."""

import logging
import sys
from collections.abc import Iterable
from typing import Literal

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from exporter.credentials import MIN_TOKEN_LENGTH

LogFormat = Literal["logfmt", "json"]
LEVELS = ("debug", "info", "warn", "error")


def configure_logs(level: str, form: LogFormat, secrets: Iterable[str] = ()) -> None:
    """Send log lines of `level` and above to standard error, with `secrets` redacted."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        _go_level_names,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="ts"),
        structlog.processors.format_exc_info,
        structlog.processors.EventRenamer("msg"),
        _Redactor(secrets),
    ]
    renderer: Processor = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if form == "json"
        else structlog.processors.LogfmtRenderer(key_order=["ts", "level", "msg"], bool_as_flag=False)
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, _in_order, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel("WARNING" if level == "warn" else level.upper())
    logging.getLogger("uvicorn").setLevel(logging.ERROR)  # it warns about each invalid HTTP request
    logging.getLogger("urllib3").setLevel(logging.WARNING)  # its debug lines contain full URLs
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


def _go_level_names(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    if event["level"] == "warning":
        event["level"] = "warn"
    return event


def _in_order(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    first = {key: event.pop(key) for key in ("ts", "level", "msg") if key in event}
    return {**first, **event}


class _Redactor:
    """Redacts secrets, and escapes control characters, as names in log lines come from outside.

    A short secret would be found in other words, and is not redacted.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        self._secrets = [secret for secret in secrets if len(secret) >= MIN_TOKEN_LENGTH]

    def __call__(self, _: WrappedLogger, __: str, event: EventDict) -> EventDict:
        return {key: self._clean(value) for key, value in event.items()}

    def _clean(self, value: object) -> object:
        if isinstance(value, bool | int | float | None):
            return value
        text = str(value)
        for secret in self._secrets:
            text = text.replace(secret, "<secret>")
        if text.isprintable():
            return text
        return "".join(char if char.isprintable() or char == "\n" else _escape(char) for char in text)


def _escape(char: str) -> str:
    return char.encode("unicode_escape").decode()
