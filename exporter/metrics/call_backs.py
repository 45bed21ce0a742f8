"""Families of open call-backs: missed callers who have not been reached since."""

from collections.abc import Iterator

from exporter.account.board import Board
from exporter.metrics.family import Family, Sample

_NUMBER, _TEAM = ("number_id", "number"), ("team_id", "team")
_VOICEMAIL = "by whether they left a voicemail that is not archived"

NUMBER_OPEN = Family(
    "aircall_number_call_backs_open",
    "gauge",
    f"Missed callers who have not talked to a user since, {_VOICEMAIL}. Each caller counts once, for the"
    " number of their first missed call.",
    (*_NUMBER, "voicemail"),
    group="archive",
)
OLDEST = Family(
    "aircall_number_call_back_oldest_seconds",
    "gauge",
    "Time since the first of these callers was missed; 0 without one.",
    _NUMBER,
    group="archive",
)
ANONYMOUS = Family(
    "aircall_number_call_backs_anonymous",
    "gauge",
    "Missed calls of callers who hide their number, until they expire. They cannot be called back, so they"
    " count in no other family of call-backs.",
    _NUMBER,
    group="archive",
)
TEAM_OPEN = Family(
    "aircall_team_call_backs_open",
    "gauge",
    f"Missed callers on the numbers of the team's members who have not talked to a user since, {_VOICEMAIL}.",
    (*_TEAM, "voicemail"),
    group="archive",
)

FAMILIES = (NUMBER_OPEN, OLDEST, ANONYMOUS, TEAM_OPEN)


def call_back_samples(board: Board, now: float) -> Iterator[Sample]:
    """Yield the samples of open call-backs. `now` is in seconds of our clock.

    aircall_number_call_backs_open{number_id="1234",number="French Office",voicemail="false"} 3
    aircall_number_call_back_oldest_seconds{number_id="1234",number="French Office"} 5400
    aircall_number_call_backs_anonymous{number_id="1234",number="French Office"} 1
    aircall_team_call_backs_open{team_id="678",team="Global Sales",voicemail="true"} 1
    """
    server_now = now + board.server_ahead
    for row in board.call_backs.numbers:
        for label, voicemail in (("true", True), ("false", False)):
            yield NUMBER_OPEN, (*row.subject, label), row.open.get(voicemail, 0)
        yield OLDEST, row.subject, 0.0 if row.oldest_at is None else max(0.0, server_now - row.oldest_at)
        yield ANONYMOUS, row.subject, row.anonymous
    for row in board.call_backs.teams:
        for label, voicemail in (("true", True), ("false", False)):
            yield TEAM_OPEN, (*row.subject, label), row.open.get(voicemail, 0)
