"""Implement Aircall's endpoints for a simulated account."""

import re
from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from exporter.simulator.models import SimulatedCall, SimulatedNumber, SimulatedTeam, SimulatedUser
from exporter.simulator.paging import FETCH_MENUS, ApiError, json_answer, page_answer, whole_number
from exporter.simulator.payloads import (
    Payload,
    ai_agent_payload,
    call_payload,
    ivr_options_payload,
    nested_user_payload,
    number_payload,
    team_payload,
    user_payload,
    user_payload_v2,
)
from exporter.simulator.simulation import SimulatedAccount
from exporter.simulator.webhooks import SimulatedWebhook, Webhooks

HISTORY_S = 183 * 86_400.0
"""Seconds that the call history covers: half a year."""

MENUS_S = 61 * 86_400.0
"""Seconds for which Aircall shows what callers chose in menus: two months."""

FAR_FUTURE = 10**11
"""UNIX seconds. A list of calls without `to` includes calls with a future date."""

MAX_CALLS_PER_QUERY = 10_000
"""Maximum calls of one query; the rest is left out silently."""

Endpoint = Callable[[Request], Response]
T = TypeVar("T")


class _NewWebhook(msgspec.Struct):
    url: str
    events: tuple[str, ...] = ()
    custom_name: str | None = None


class AircallApi:
    """The endpoints as functions of a request. The body of PUT and POST is in `request.state.body`.

    They raise ApiError for requests that Aircall would reject.
    """

    def __init__(self, account: SimulatedAccount, webhooks: Webhooks) -> None:
        self._account = account
        self._webhooks = webhooks

    def endpoints(self) -> list[tuple[str, str, Endpoint]]:
        """Return method, path and function of each endpoint, in matching order."""
        return [
            ("GET", "/v1/ping", lambda _: json_answer({"ping": "pong"})),
            ("GET", "/v1/users/availabilities", self._availabilities),
            ("GET", "/v1/users/{id:int}/availability", self._availability),
            ("GET", "/v1/users", self._users_v1),
            ("GET", "/v1/users/{id:int}", self._user_with_numbers),
            ("PUT", "/v1/users/{id:int}", self._switch_user_v1),
            ("GET", "/v2/users", self._users),
            ("GET", "/v2/users/{id:int}", self._user),
            ("GET", "/v2/users/{id:int}/numbers", self._numbers_of_user),
            ("PUT", "/v2/users/{id:int}", self._switch_user),
            ("GET", "/v1/teams", self._teams),
            ("GET", "/v1/teams/{id:int}", self._team),
            ("GET", "/v1/numbers", self._numbers),
            ("GET", "/v1/numbers/{id:int}", self._number),
            ("GET", "/v1/calls", self._calls),
            ("GET", "/v1/calls/search", self._search),
            ("GET", "/v1/calls/{id:int}", self._call),
            ("GET", "/v1/webhooks", self._list_webhooks),
            ("POST", "/v1/webhooks", self._add_webhook),
            ("GET", "/v1/webhooks/{id}", self._webhook),
            ("DELETE", "/v1/webhooks/{id}", self._remove_webhook),
        ]

    def _users_v1(self, request: Request) -> Response:
        return page_answer(request, "users", list(self._account.users.values()), user_payload)

    def _users(self, request: Request) -> Response:
        return page_answer(request, "users", list(self._account.users.values()), user_payload_v2)

    def _user(self, request: Request) -> Response:
        return json_answer({"user": user_payload_v2(self._requested_user(request))})

    def _user_with_numbers(self, request: Request) -> Response:
        user = self._requested_user(request)
        numbers = [number_payload(number) for number in self._account.numbers_of(user.id)]
        return json_answer({"user": user_payload(user) | {"numbers": numbers}})

    def _numbers_of_user(self, request: Request) -> Response:
        user = self._requested_user(request)
        return page_answer(request, "numbers", self._account.numbers_of(user.id), number_payload)

    def _switch_user(self, request: Request) -> Response:
        self._switch(request)
        return self._user(request)

    def _switch_user_v1(self, request: Request) -> Response:
        self._switch(request)
        return self._user_with_numbers(request)

    def _switch(self, request: Request) -> None:
        user = self._requested_user(request)
        try:
            status = msgspec.json.decode(request.state.body, type=dict[str, object])["availability_status"]
        except (msgspec.DecodeError, KeyError):
            status = None
        if status not in ("available", "unavailable"):
            raise ApiError(400, "Bad Request", "availability_status: expected available or unavailable")
        self._account.switch(user.id, status)

    def _availabilities(self, request: Request) -> Response:
        def availability(user_id: int) -> Payload:
            return {"id": user_id, "availability": self._account.availability(user_id)}

        return page_answer(request, "users", list(self._account.users), availability)

    def _availability(self, request: Request) -> Response:
        return json_answer({"availability": self._account.availability(self._requested_user(request).id)})

    def _teams(self, request: Request) -> Response:
        return page_answer(request, "teams", list(self._account.teams.values()), self._team_payload)

    def _team(self, request: Request) -> Response:
        team = _found(request, self._account.teams.get(request.path_params["id"]))
        return json_answer({"team": self._team_payload(team)})

    def _numbers(self, request: Request) -> Response:
        return page_answer(request, "numbers", list(self._account.numbers.values()), number_payload)

    def _number(self, request: Request) -> Response:
        number = _found(request, self._account.numbers.get(request.path_params["id"]))
        users = [nested_user_payload(user) for user in self._members(number)]
        return json_answer({"number": number_payload(number) | {"users": users}})

    def _calls(self, request: Request) -> Response:
        chronological = self._account.calls.chronological
        return page_answer(
            request,
            "calls",
            self._requested_calls(request),
            lambda position: self._call_payload(request, chronological[position]),
            cap=MAX_CALLS_PER_QUERY,
        )

    def _search(self, request: Request) -> Response:
        criteria = _criteria(request)
        calls = (self._account.calls.chronological[position] for position in self._requested_calls(request))
        found = [call for call in calls if all(holds(call) for holds in criteria)]
        return page_answer(
            request, "calls", found, partial(self._call_payload, request), cap=MAX_CALLS_PER_QUERY
        )

    def _call(self, request: Request) -> Response:
        call = _found(request, self._account.calls.get(request.path_params["id"]))
        if call.started_at < self._account.now - HISTORY_S:
            raise not_found(request.url.path)
        return json_answer({"call": self._call_payload(request, call)})

    def _list_webhooks(self, request: Request) -> Response:
        return page_answer(request, "webhooks", list(self._webhooks.hooks.values()), SimulatedWebhook.payload)

    def _add_webhook(self, request: Request) -> Response:
        try:
            new = msgspec.json.decode(request.state.body, type=_NewWebhook)
        except msgspec.DecodeError as error:
            raise ApiError(400, "Bad Request", str(error)) from None
        webhook = SimulatedWebhook(new.url, new.events, new.custom_name)
        return json_answer({"webhook": self._webhooks.add(webhook).payload()}, 201)

    def _webhook(self, request: Request) -> Response:
        webhook = _found(request, self._webhooks.hooks.get(request.path_params["id"]))
        return json_answer({"webhook": webhook.payload()})

    def _remove_webhook(self, request: Request) -> Response:
        webhook = _found(request, self._webhooks.hooks.pop(request.path_params["id"], None))
        webhook.active = False
        return Response(status_code=204)

    def _requested_user(self, request: Request) -> SimulatedUser:
        return _found(request, self._account.users.get(request.path_params["id"]))

    def _requested_calls(self, request: Request) -> Sequence[int]:
        """Return the chronological positions of the calls that started between `from` and `to`."""
        last = whole_number(request, "to", FAR_FUTURE)
        first = max(whole_number(request, "from", 0), self._account.now - HISTORY_S)
        positions = self._account.calls.started_between(first, last)
        return positions[::-1] if request.query_params.get("order") == "desc" else positions

    def _call_payload(self, request: Request, call: SimulatedCall) -> Payload:
        teams = [self._account.teams[id_] for id_ in call.team_ids if id_ in self._account.teams]
        payload = call_payload(call, teams, self._account.now)
        if self._shows_menus(request, call):
            payload["ivr_options_selected"] = ivr_options_payload(call)
        if request.query_params.get("fetch_aiva_conv") == "true":
            payload["ai_voice_agents"] = [ai_agent_payload(call, session) for session in call.ai_agents]
        return payload

    def _shows_menus(self, request: Request, call: SimulatedCall) -> bool:
        requested = request.query_params.get(FETCH_MENUS) == "true"
        return requested and self._account.smartflows and call.started_at >= self._account.now - MENUS_S

    def _team_payload(self, team: SimulatedTeam) -> Payload:
        return team_payload(team, self._members(team))

    def _members(self, group: SimulatedTeam | SimulatedNumber) -> list[SimulatedUser]:
        return [self._account.users[id_] for id_ in sorted(group.user_ids) if id_ in self._account.users]


def _found(request: Request, thing: T | None) -> T:
    if thing is None:
        raise not_found(request.url.path)
    return thing


def not_found(path: str) -> ApiError:
    """Return Aircall's error for an object that does not exist."""
    return ApiError(404, "Not Found", f"there is no {path}")


def _criteria(request: Request) -> list[Callable[[SimulatedCall], bool]]:
    """Return the conditions of a search. A call needs only one of several tags."""
    query = request.query_params
    criteria: list[Callable[[SimulatedCall], bool]] = []
    if user_id := whole_number(request, "user_id", 0):
        criteria.append(lambda call: call.user_id == user_id)
    if direction := query.get("direction"):
        criteria.append(lambda call: call.direction == direction)
    if number := re.sub(r"\D", "", query.get("phone_number", "")):
        criteria.append(lambda call: re.sub(r"\D", "", call.raw_digits) == number)
    if tags := set(query.getlist("tags[]")):
        criteria.append(lambda call: any(name in tags for name, _ in call.tags))
    return criteria
