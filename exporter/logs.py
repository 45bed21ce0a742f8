"""Log lines on standard error: logfmt as Prometheus writes it, or JSON. No secret gets into them."""

import logging
import sys
from collections.abc import Iterable
from typing import Literal

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

LogFormat = Literal["logfmt", "json"]
LEVELS = ("debug", "info", "warn", "error")


def configure_logs(level: str, form: LogFormat, secrets: Iterable[str] = ()) -> None:
    """Send all log lines of `level` and above to standard error; `secrets` are blotted out of them."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        _as_go_exporters_say_it,
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
    logging.getLogger("uvicorn").setLevel(logging.ERROR)  # it warns of each client that speaks no HTTP
    logging.getLogger("urllib3").setLevel(logging.WARNING)  # its debug lines hold whole URLs
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


def _as_go_exporters_say_it(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    if event["level"] == "warning":
        event["level"] = "warn"
    return event


def _in_order(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    first = {key: event.pop(key) for key in ("ts", "level", "msg") if key in event}
    return {**first, **event}


class _Redactor:
    """Blots secrets out, and writes out what a terminal would obey: others choose the names in here."""

    def __init__(self, secrets: Iterable[str]) -> None:
        self._secrets = [secret for secret in secrets if secret]

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
        return "".join(sign if sign.isprintable() or sign == "\n" else _written_out(sign) for sign in text)


def _written_out(sign: str) -> str:
    return sign.encode("unicode_escape").decode()
