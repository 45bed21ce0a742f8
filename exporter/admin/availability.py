"""Switching a user's status (tutorial, "Switch User Status"): what may be done, and how it is asked for."""

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
"""The status of a user for whom Aircall decides by his working hours: "Auto" in the phone."""


class SwitchError(Exception):
    """The user is not switched; says why in a line."""


class UnknownUserError(SwitchError):
    """Aircall has no such user."""


class AutoStatusError(SwitchError):
    """The user is on Auto, and is left alone."""


class NotSwitchedError(SwitchError):
    """Aircall did not do what it was asked for."""


@dataclass(frozen=True)
class SwitchResult:
    """A user as Aircall says he is now, and the status that he had before."""

    user: UserStatus
    before: str

    @property
    def changed(self) -> bool:
        return self.before != self.user.availability_status


def choose_target(status: UserStatus, target: Target | None) -> Target:
    """What a user is to be; without a target the other one of the two.

    Tutorial, "Switching a User's Availability Status": from available to unavailable or vice versa, and
    it does not work for who is on Auto. Raises OnAutoError, and NotSwitchedError where nobody could say
    what the other one is.
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
    """What a user has set himself to. Raises UnknownUserError, or NotSwitchedError where it is none."""
    try:
        answer = yield from api.with_fallback(lambda version: fetch(endpoints.user_status(version, user_id)))
    except NotFoundError:
        raise UnknownUserError(f"Aircall has no user {user_id}") from None
    if answer.value is None:
        raise NotSwitchedError(f"what Aircall says of user {user_id} cannot be read")
    return answer.value


def set_status(api: UserApi, status: UserStatus, target: Target) -> ApiTask[SwitchResult]:
    """Have Aircall set the user to the target, unless he is at it. Raises SwitchError where it does not."""
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
        raise NotSwitchedError("Aircall's answer cannot be read: look whether the user is switched")
    if after.availability_status != target:
        choose_target(after, target)  # he may have turned to Auto meanwhile
        raise NotSwitchedError(f"Aircall answered, but {after.label} is {after.availability_status} still")
    return SwitchResult(after, before)


def switch_and_refresh(
    account: Account, api: UserApi, user_id: int, target: Target | None
) -> ApiTask[SwitchResult]:
    """Switch a user, and see at once what he does now. Raises SwitchError."""
    switched = yield from switch(api, user_id, target)
    if switched.changed:
        with suppress(ApiError):  # the next poll will see it
            answer = yield from fetch(endpoints.availability(user_id))
            if answer.value is not None:
                account.reference_data.apply_availability(user_id, answer.value, answer.at)
                account.reference_data.apply_substatus(user_id, switched.user.substatus, answer.at)
    return switched


def switch(api: UserApi, user_id: int, target: Target | None) -> ApiTask[SwitchResult]:
    """Look at a user, decide, and switch him. Raises SwitchError."""
    status = yield from fetch_status(api, user_id)
    return (yield from set_status(api, status, choose_target(status, target)))
