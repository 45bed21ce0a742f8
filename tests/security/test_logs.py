"""Log lines with hostile text: line breaks, control characters of terminals, secrets."""

import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from exporter.config.loader import load
from exporter.logs import LogFormat, configure_logs

SETTINGS = load(
    None,
    {
        "AIRCALL_API_ID": "the-id",
        "AIRCALL_API_TOKEN": "the-token",
        "AIRCALL_STORAGE_URL": "postgresql+psycopg://aircall:the-password@archive/aircall",
    },
)
HARMFUL = 'Ada\nts=now level=error msg="all is lost"\r\x1b[2J\x1b]0;title\x07\x9b31m\u2028\u202e\x00\x85'


@pytest.fixture(params=["logfmt", "json"])
def log_format(request: pytest.FixtureRequest) -> Iterator[LogFormat]:
    """Set each log format, and restore the earlier one afterwards."""
    root = logging.getLogger()
    before = root.handlers[:], root.level
    yield request.param
    root.handlers[:], root.level = before
    structlog.reset_defaults()


def log_line(log_format: LogFormat, capsys: pytest.CaptureFixture[str], **fields: object) -> str:
    """Log a line with these fields, and return it."""
    configure_logs("info", log_format, SETTINGS.secrets)
    structlog.get_logger().info("a user is new", **fields)
    return capsys.readouterr().err


def test_log_line_with_control_characters_is_one_printable_line(
    log_format: LogFormat, capsys: pytest.CaptureFixture[str]
) -> None:
    line = log_line(log_format, capsys, user=HARMFUL, users=[HARMFUL], error=ValueError(HARMFUL))
    assert line.endswith("\n")
    assert line[:-1].isprintable()
    if log_format == "json":
        assert json.loads(line)["user"].startswith("Ada\nts=now")


def test_log_line_of_another_library_is_printable_and_redacted(
    log_format: LogFormat, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logs("info", log_format, SETTINGS.secrets)
    logging.getLogger("another.library").warning("about %s and the-token", HARMFUL)
    line = capsys.readouterr().err
    assert line[:-1].isprintable()
    assert "the-token" not in line


@pytest.mark.parametrize("secret", SETTINGS.secrets)
def test_log_line_with_a_nested_secret_is_redacted(
    log_format: LogFormat, capsys: pytest.CaptureFixture[str], secret: str
) -> None:
    wrapped: tuple[object, ...] = (
        secret,
        f"see {secret}, please",
        secret.encode(),
        [secret],
        {"deep": {"in": (secret,)}},
        OSError(secret),
    )
    for value in wrapped:
        assert secret not in log_line(log_format, capsys, value=value)
    try:
        raise ValueError(f"at {secret}")
    except ValueError:
        structlog.get_logger().exception("unexpected error")
    assert secret not in capsys.readouterr().err


def test_log_line_with_a_short_secret_is_not_redacted(
    log_format: LogFormat, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logs("info", log_format, ("a", "1234567", "12345678"))
    structlog.get_logger().info("a user is available", number=1234567, text="12345678")
    line = capsys.readouterr().err
    assert "a user is available" in line
    assert "1234567" in line
    assert "12345678" not in line


def test_settings_in_a_traceback_or_dump_show_no_secret() -> None:
    texts = (
        f"{SETTINGS!r} {SETTINGS} {SETTINGS.aircall!r} {SETTINGS.storage} {[SETTINGS]} { {'a': SETTINGS} }"
    )
    for secret in ("the-token", "the-password", "the-id"):
        assert secret not in texts
