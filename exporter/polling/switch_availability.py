"""Change a user's availability status (tutorial, "Switch User Status")."""

from contextlib import suppress
from dataclasses import dataclass
from typing import Literal, get_args

from exporter.account.account import Account
from exporter.aircall import endpoints
from exporter.aircall.endpoints import ApiTask, fetch
from exporter.aircall.errors import ApiError, NotFoundError
from exporter.aircall.models import UserStatus
from exporter.polling.fetchers import UserApi

Target = Literal["available", "unavailable"]

TARGETS: tuple[Target, ...] = get_args(Target)

AUTO = "custom"
"""The status "Auto" in the phone: Aircall sets the availability by the user's working hours."""


class SwitchError(Exception):
    """The user's status was not changed; the text is a one-line reason."""


class UnknownUserError(SwitchError):
    """Aircall has no such user."""


class AutoStatusError(SwitchError):
    """The user is on Auto, so the status cannot be changed."""


class NotSwitchedError(SwitchError):
    """Aircall did not change the status as requested."""


@dataclass(frozen=True)
class SwitchResult:
    """A user as Aircall reports them now, and their previous status."""

    user: UserStatus
    before: str

    @property
    def changed(self) -> bool:
        """Whether the user's availability status differs from before."""
        return self.before != self.user.availability_status


def choose_target(status: UserStatus, target: Target | None) -> Target:
    """Return the new status of a user. Without a target, toggle available and unavailable.

    Source: tutorial, "Switching a User's Availability Status".

    Raises:
        AutoStatusError: If the user is on Auto, as the status then cannot be changed.
        NotSwitchedError: If there is no target, and the current status is neither of the two.
    """
    now = status.availability_status
    if now == AUTO:
        raise AutoStatusError(
            f"{status.label} is on Auto: Aircall decides by the working hours, and nobody else can switch"
            " this user, who may choose another status in the phone"
        )
    if target is not None:
        return target
    if now not in TARGETS:
        raise NotSwitchedError(f"{status.label} is {now!r}, say available or unavailable")
    return "unavailable" if now == "available" else "available"


def fetch_status(api: UserApi, user_id: int) -> ApiTask[UserStatus]:
    """Fetch the status that a user has set. Raises UnknownUserError, or NotSwitchedError if it is invalid."""
    try:
        answer = yield from api.with_fallback(lambda version: fetch(endpoints.user_status(version, user_id)))
    except NotFoundError:
        raise UnknownUserError(f"Aircall has no user {user_id}") from None
    if answer.value is None:
        raise NotSwitchedError(f"Aircall's response about user {user_id} is invalid")
    return answer.value


def set_status(api: UserApi, status: UserStatus, target: Target) -> ApiTask[SwitchResult]:
    """Set a user's status to the target, unless they have it already. Raises SwitchError on failure."""
    before = status.availability_status or ""
    if before == target:
        return SwitchResult(status, before)
    try:
        answer = yield from api.with_fallback(
            lambda version: fetch(endpoints.switch_user(version, status.id, target))
        )
    except NotFoundError:
        raise UnknownUserError(f"Aircall has no user {status.id} any more") from None
    after = answer.value
    if after is None:
        raise NotSwitchedError("Aircall's response is invalid: check whether the user is switched")
    if after.availability_status != target:
        choose_target(after, target)  # raises if the user has switched to Auto meanwhile
        raise NotSwitchedError(f"Aircall answered, but {after.label} is {after.availability_status} still")
    return SwitchResult(after, before)


def switch_and_refresh(
    account: Account, api: UserApi, user_id: int, target: Target | None
) -> ApiTask[SwitchResult]:
    """Change a user's status, and fetch the new availability at once. Raises SwitchError."""
    switched = yield from switch(api, user_id, target)
    if switched.changed:
        with suppress(ApiError):  # the next poll will fetch it
            answer = yield from fetch(endpoints.availability(user_id))
            if answer.value is not None:
                account.reference_data.apply_availability(user_id, answer.value, answer.at)
                account.reference_data.apply_substatus(user_id, switched.user.substatus, answer.at)
    return switched


def switch(api: UserApi, user_id: int, target: Target | None) -> ApiTask[SwitchResult]:
    """Fetch a user's status and change it. Raises SwitchError."""
    status = yield from fetch_status(api, user_id)
    return (yield from set_status(api, status, choose_target(status, target)))
