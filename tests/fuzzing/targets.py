"""Everything that parses external data, as functions of bytes that raise only if there is a fault."""

import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from tempfile import mkdtemp
from urllib.parse import parse_qsl

from exporter.account.records import CallRecord
from exporter.aircall import endpoints
from exporter.aircall.call_decoding import decode_calls
from exporter.aircall.data_limits import MAX_LINK_LENGTH
from exporter.aircall.decoding import InvalidResponseError, decode_page
from exporter.aircall.endpoints import Request, Response, paginate
from exporter.aircall.events import Delivery
from exporter.aircall.headers import read_headers
from exporter.aircall.models import CallWithDetails, Team
from exporter.api.query import read_query
from exporter.archive.caller_privacy import Callers
from exporter.archive.criteria import CriterionError
from exporter.archive.row_mapping import call_row, comment_rows, tag_rows
from exporter.archive.text_index import digits_only
from exporter.config.loader import load
from exporter.config.yaml_file import ConfigError
from exporter.durations import Duration, parse_duration
from exporter.web.config import load_web_config

Target = Callable[[bytes], object]

REQUESTS: tuple[Request, ...] = (
    endpoints.users("v1"),
    endpoints.users("v2"),
    endpoints.teams(),
    endpoints.numbers(),
    endpoints.availabilities(),
    endpoints.availability(1),
    endpoints.user_statuses("v2"),
    endpoints.user_status("v2", 1),
    endpoints.switch_user("v2", 1, "available"),
    endpoints.calls(0),
    endpoints.call(1),
    endpoints.number_users(1),
    endpoints.user_numbers(1),
    endpoints.user_with_numbers(1),
)

_FILE = Path(mkdtemp()) / "fuzzed.yml"
_CREDENTIAL = {"AIRCALL_API_ID": "id", "AIRCALL_API_TOKEN": "token"}


def answers(data: bytes) -> None:
    """Decode as a response to each request that the exporter sends."""
    for request in REQUESTS:
        with suppress(InvalidResponseError):
            request.decode(data)


def calls(data: bytes) -> None:
    """Decode as calls, with their details and their rows in the archive."""
    with suppress(InvalidResponseError):
        for read in decode_calls(data).items:
            check_call(read)


def check_call(read: CallWithDetails) -> None:
    """Check the figures of a call, and that its rows can be stored."""
    call, details = read.call, read.details
    assert min(call.duration, call.talk_time, call.time_to_answer) >= 0
    assert call.phase in ("initial", "answered", "done")
    assert call.outcome in ("answered", "missed", "unanswered")
    assert isinstance(call.waiting, bool)
    record = CallRecord(call, details, "full")
    for row in (
        [call_row(record, Callers(None, frozenset()), 0)],
        tag_rows([record]),
        comment_rows([record]),
    ):
        for value in (value for columns in row for value in columns.values()):
            assert not isinstance(value, int) or abs(value) < 2**63
            assert not isinstance(value, str) or _can_be_stored(value)


def _can_be_stored(text: str) -> bool:
    text.encode()  # otherwise it contains a lone surrogate
    return "\x00" not in text


def events(data: bytes) -> None:
    """Decode as the body of a webhook."""
    with suppress(InvalidResponseError):
        delivery = Delivery(data)
        assert isinstance(delivery.token, str)
        assert isinstance(delivery.dedup_key, int)
        event = delivery.event()
        if event and event.call:
            check_call(event.call)


def next_page_link(data: bytes) -> None:
    """Follow as the link to the next page."""
    link = data.decode("utf-8", "replace")
    pages = paginate(endpoints.teams(), lambda page, at: None)
    first = next(pages)
    try:
        page = decode_page(
            json.dumps({"teams": [], "meta": {"next_page_link": link}}).encode(), "teams", Team
        )
    except InvalidResponseError:
        assert len(link) > MAX_LINK_LENGTH
        return
    with suppress(StopIteration):
        assert pages.send(Response(page, 0.0)).path == first.path


def headers(data: bytes) -> None:
    """Parse as each header of Aircall's responses."""
    text = data.decode("latin-1")
    names = ("Limit", "Remaining", "Reset")
    read_headers({f"X-AircallApi-{name}": text for name in names} | {"Retry-After": text, "Date": text})


def configuration(data: bytes) -> None:
    """Load as a configuration file."""
    _load(load, data)


def web_configuration(data: bytes) -> None:
    """Load as a file of --web.config.file."""
    _load(load_web_config, data)


def _load(read: Callable[..., object], data: bytes) -> None:
    _FILE.write_bytes(data)
    try:
        read(str(_FILE), *([_CREDENTIAL] if read is load else []))
    except ConfigError as error:
        assert "\n" not in str(error)
        assert len(str(error)) < 2000


def query(data: bytes) -> None:
    """Parse as the query of a search."""
    items = parse_qsl(data.decode("utf-8", "replace"), keep_blank_values=True)
    try:
        read_query(items, 1_780_000_000.0)
    except CriterionError as error:
        assert "\n" not in str(error)


def texts(data: bytes) -> None:
    """Parse as a duration, and as a caller's number."""
    text = data.decode("utf-8", "replace")
    digits_only(text)
    with suppress(ValueError):
        assert isinstance(parse_duration(text), Duration)


TARGETS: tuple[Target, ...] = (
    answers,
    calls,
    events,
    next_page_link,
    headers,
    configuration,
    web_configuration,
    query,
    texts,
)
