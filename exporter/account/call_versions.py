"""Which of two versions of a call is the newer one, whichever of them came first.

Polls and events tell of the same calls, and events come late, twice or in any order. What decides is the
call itself: how far it has come, and when it was so.
"""

import msgspec

from exporter.aircall.models import Call, CallWithDetails

_PHASES = ("initial", "answered", "done")


def latest_version(one: Call, other: Call) -> Call:
    """The newer of two versions of one call.

    A call only goes forward: it rings, is answered, is done, and has an end. Of two versions as far as each
    other, the one that was so later is newer (after a transfer, an answered call has another user). Of
    two that were so at the same moment, always the same one is: so versions are in one line, and the newest
    of many is the same in whatever order, and however often, they come.
    """
    return max(one, other, key=_version_key)


def completed(read: CallWithDetails, known: Call | None) -> Call:
    """Return the call that was read; a field that could not be read is as it was `known` before."""
    if known is None or not read.unread:
        return read.call
    return msgspec.structs.replace(read.call, **{name: getattr(known, name) for name in read.unread})


def _version_key(call: Call) -> tuple[int, bool, float, bytes]:
    return _PHASES.index(call.phase), call.ended_at is not None, call.as_of, msgspec.json.encode(call)
