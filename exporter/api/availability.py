"""What goes in and comes out where a user is switched over HTTP."""

from typing import Literal

import msgspec

SWITCH_PATH = "/api/v1/users/{id}/availability"


class AvailabilityRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a user is to be; `toggle` is the other one of the two."""

    availability: Literal["available", "unavailable", "toggle"]


class SwitchedUser(msgspec.Struct, frozen=True):
    """A user as Aircall says he is now, and what he was before."""

    id: int
    name: str
    availability: str
    before: str


SWITCH_PROBLEMS = {
    "400": "The body is none of the three wishes.",
    "403": "No credential was shown, or another site's page asks.",
    "404": "Aircall has no such user.",
    "409": "The user is on Auto, and cannot be switched.",
    "415": "The body does not say that it is JSON.",
    "502": "Aircall cannot be asked now, or did not do it.",
    "503": "Too many wait for an answer of Aircall's already.",
    "504": "Aircall did not answer in time: whether the user is switched, the board will show.",
}
"""What may come instead, by the status."""
