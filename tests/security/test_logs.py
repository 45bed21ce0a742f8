"""Ways in by what is logged: forged lines, a terminal's commands, secrets."""

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
def form(request: pytest.FixtureRequest) -> Iterator[LogFormat]:
    """Set each log format, and restore the earlier one afterwards."""
    root = logging.getLogger()
    before = root.handlers[:], root.level
    yield request.param
    root.handlers[:], root.level = before
    structlog.reset_defaults()


def logged(form: LogFormat, capsys: pytest.CaptureFixture[str], **fields: object) -> str:
    configure_logs("info", form, SETTINGS.secrets)
    structlog.get_logger().info("a user is new", **fields)
    return capsys.readouterr().err


def test_a_name_forges_no_line_and_commands_no_terminal(
    form: LogFormat, capsys: pytest.CaptureFixture[str]
) -> None:
    said = logged(form, capsys, user=HARMFUL, users=[HARMFUL], error=ValueError(HARMFUL))
    assert said.endswith("\n")
    assert said[:-1].isprintable()
    if form == "json":
        assert json.loads(said)["user"].startswith("Ada\nts=now")


def test_a_foreign_line_neither(form: LogFormat, capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("info", form, SETTINGS.secrets)
    logging.getLogger("another.library").warning("about %s and the-token", HARMFUL)
    said = capsys.readouterr().err
    assert said[:-1].isprintable()
    assert "the-token" not in said


@pytest.mark.parametrize("secret", SETTINGS.secrets)
def test_no_secret_is_logged_in_whatever_it_is_wrapped(
    form: LogFormat, capsys: pytest.CaptureFixture[str], secret: str
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
        assert secret not in logged(form, capsys, value=value)
    try:
        raise ValueError(f"at {secret}")
    except ValueError:
        structlog.get_logger().exception("unexpected error")
    assert secret not in capsys.readouterr().err


def test_short_secret_is_not_redacted_from_other_words(
    form: LogFormat, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logs("info", form, ("a", "1234567", "12345678"))
    structlog.get_logger().info("a user is available", number=1234567, text="12345678")
    said = capsys.readouterr().err
    assert "a user is available" in said
    assert "1234567" in said
    assert "12345678" not in said


def test_settings_show_no_secret_in_a_traceback_or_a_dump() -> None:
    shown = (
        f"{SETTINGS!r} {SETTINGS} {SETTINGS.aircall!r} {SETTINGS.storage} {[SETTINGS]} { {'a': SETTINGS} }"
    )
    for secret in ("the-token", "the-password", "the-id"):
        assert secret not in shown
