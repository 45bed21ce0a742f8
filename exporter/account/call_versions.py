"""Decide which of two versions of a call is newer, in whatever order they arrive.

Polls and events report the same calls, and events arrive late, twice or in any order. The decision depends on
the call only: on its phase, and on when it was in that phase.
"""

import msgspec

from exporter.aircall.call_times import impossible_times, without_times
from exporter.aircall.menus import NO_MENUS
from exporter.aircall.models import Call, CallWithDetails

_PHASES = ("initial", "answered", "done")


def latest_version(one: Call, other: Call) -> Call:
    """Return the newer of two versions of one call.

    Calls only move forward: ringing, answered, done, done with an end. Within a phase, the version with the
    later `as_of` is newer (after a transfer, an answered call has another user). Ties are broken by content.
    So versions have a total order, and the newest does not depend on the order of arrival.
    """
    return max(one, other, key=_version_key)


def completed(read: CallWithDetails, known: Call | None) -> Call:
    """Return the call that was read, with fields that could not be read taken from the `known` version."""
    if known is None or not read.unread:
        return read.call
    taken = {name: value for name in read.unread if (value := getattr(known, name)) is not None}
    call = msgspec.structs.replace(read.call, **taken)
    return without_times(call, impossible_times(call))


def _version_key(call: Call) -> tuple[int, bool, float, tuple[int, ...], bytes]:
    menus = (call.menus or NO_MENUS).extent
    return _PHASES.index(call.phase), call.ended_at is not None, call.as_of, menus, msgspec.json.encode(call)
