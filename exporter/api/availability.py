"""Define the request and the response of a change of availability over HTTP."""

from typing import Literal

import msgspec

SWITCH_PATH = "/api/v1/users/{id}/availability"


class AvailabilityRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The new availability of a user; `toggle` switches between the two."""

    availability: Literal["available", "unavailable", "toggle"]


class SwitchedUser(msgspec.Struct, frozen=True):
    """A user as Aircall reports them after the change, and their previous availability."""

    id: int
    name: str
    availability: str
    before: str


SWITCH_PROBLEMS = {
    "400": "The body is not one of the three requests.",
    "403": "There is no credential, or the request comes from another site's page.",
    "404": "Aircall has no such user.",
    "409": "The user is on Auto, and cannot be switched.",
    "415": "The Content-Type is not application/json.",
    "502": "The request to Aircall failed, or Aircall did not switch the user.",
    "503": "Too many clients wait for Aircall already.",
    "504": "Aircall did not answer in time. The user may be switched; the board will show it.",
}
"""Error responses by HTTP status."""
