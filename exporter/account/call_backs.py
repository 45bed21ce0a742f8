"""Call-backs: callers who were missed and have not talked to a user since.

A caller is open from the end of a missed inbound call on. They are no longer open once a call that started
later is answered, in either direction and on any number, or once their last missed call expires.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

from exporter.account.buckets import CALL_BACK_BUCKETS, bucket_label
from exporter.account.counter_totals import OTHERS, Key
from exporter.config.settings import Settings

Result = Literal["called_back", "called_again", "expired"]
"""How a call-back ended: an outbound call was answered, an inbound call was answered, or neither in time."""

BEFORE_DELETION_S = 3600
"""Seconds by which a missed call expires before the archive deletes it."""

RESULTS: tuple[Result, ...] = ("called_back", "called_again", "expired")


@dataclass(frozen=True, slots=True)
class CallBackRules:
    """Which missed calls have to be called back, and for how long. Times are in seconds."""

    after: float
    """The time for callers to call again themselves, before they are open."""
    expire: float
    """The time from the start of a missed call after which it no longer has to be called back."""
    ignore_reasons: tuple[str, ...]
    """Calls that were missed for these reasons do not have to be called back."""

    @classmethod
    def of(cls, settings: Settings) -> "CallBackRules":
        """Return the rules of a configuration. A call-back is counted before its call is deleted."""
        rules, retention = settings.call_backs, settings.storage.retention
        expire = min(rules.expire, retention - BEFORE_DELETION_S) if retention else rules.expire
        return cls(float(rules.after), float(expire), tuple(sorted(rules.ignore_reasons)))


@dataclass(frozen=True, slots=True)
class CallBackTask:
    """What the archive needs to follow call-backs. Times are UNIX seconds on Aircall's clock."""

    rules: CallBackRules
    now: float
    numbers: frozenset[str]
    """The ids of the numbers with series of their own. The others are counted under `others`."""

    def number(self, number_id: int | None) -> str:
        """Return the id under which the call-backs of a number are counted."""
        id_ = "" if number_id is None else str(number_id)
        return id_ if not id_ or id_ in self.numbers else OTHERS


class Contact(NamedTuple):
    """A missed or an answered call of a caller. Times are UNIX seconds on Aircall's clock."""

    call_id: int
    started_at: int
    at: int
    """When a missed call ended, or when an answered call was answered."""
    direction: str
    missed: bool
    number_id: int | None
    voicemail: bool
    """Whether the caller left a voicemail that is not archived."""
    result: str | None
    """The result that was counted for this call."""


class EndedCallBack(NamedTuple):
    """A call-back that has ended, and is not counted yet."""

    call_id: int
    """The answered call, or the last missed call if it expired."""
    started_at: int
    """When that call started (UNIX seconds, Aircall's clock)."""
    result: Result
    number_id: int | None
    """The number of the first missed call."""
    seconds: int | None
    """From the end of the first missed call to the answer; None if it expired."""
    is_last: bool = False
    """Whether the caller has had no contact since."""


class OpenMissedCall(NamedTuple):
    """A missed call of a caller who is open. Times are UNIX seconds on Aircall's clock."""

    call_id: int
    last_call_id: int
    """The last missed call of the same caller: it identifies the caller."""
    started_at: int
    missed_at: int
    open_from: int
    """When the caller has had the time to call again."""
    expires_at: int
    number_id: int | None
    voicemail: bool
    anonymous: bool
    """Whether the caller is unknown, so that they cannot be called back."""


class CallBackChanges(NamedTuple):
    """How the open missed calls have changed."""

    added: tuple[OpenMissedCall, ...]
    removed: frozenset[int]
    """The ids of those that are no longer open."""
    is_whole: bool
    """Whether `added` are all open missed calls, in place of the earlier ones."""


def increments(ended: EndedCallBack, task: CallBackTask) -> Iterator[tuple[Key, int]]:
    """Yield what the end of a call-back adds to the totals."""
    number = task.number(ended.number_id)
    yield ("call_backs", number, ended.result), 1
    if ended.seconds is not None:
        yield ("call_back_bucket", number, bucket_label(ended.seconds, CALL_BACK_BUCKETS)), 1
        yield ("call_back_sum", number), ended.seconds


def follow(
    contacts: Iterable[Contact], rules: CallBackRules, until: float
) -> tuple[list[EndedCallBack], list[OpenMissedCall]]:
    """Follow the contacts of one caller, in the order of their starts.

    Args:
        contacts: The caller's missed and answered calls.
        rules: The rules of call-backs.
        until: The time (UNIX seconds, Aircall's clock) up to which missed calls have expired.

    Returns:
        The call-backs that have ended and are not counted yet, and the missed calls that are open.
    """
    ended: list[EndedCallBack] = []
    missed: list[Contact] = []

    def expire(now: float, is_last: bool) -> None:
        nonlocal missed
        left = [one for one in missed if now - one.started_at < rules.expire]
        if missed and not left:
            last = missed[-1]
            end = EndedCallBack(last.call_id, last.started_at, "expired", last.number_id, None, is_last)
            ended.append(end)
        missed = left

    for contact in contacts:
        expire(contact.started_at, is_last=False)
        if contact.missed:
            missed = [] if contact.result == "expired" else [*missed, contact]
        elif missed:
            seconds = contact.at - missed[0].at
            if contact.result is None and seconds >= rules.after:
                result: Result = "called_again" if contact.direction == "inbound" else "called_back"
                end = EndedCallBack(
                    contact.call_id, contact.started_at, result, missed[0].number_id, max(0, seconds)
                )
                ended.append(end)
            missed = []
    expire(until, is_last=True)
    return ended, [open_missed_call(one, missed[-1].call_id, rules) for one in missed]


def open_missed_call(
    contact: Contact, last_call_id: int, rules: CallBackRules, anonymous: bool = False
) -> OpenMissedCall:
    """Return the open missed call of a contact. `last_call_id` is the caller's last missed call."""
    return OpenMissedCall(
        contact.call_id,
        last_call_id,
        contact.started_at,
        contact.at,
        math.ceil(contact.at + rules.after),
        math.ceil(contact.started_at + rules.expire),
        contact.number_id,
        contact.voicemail,
        anonymous,
    )
