"""Serve `GET /api/v1/openapi.json`, generated from the table of parameters."""

from collections.abc import Callable
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from exporter.api.answers import CallBacks, Calls
from exporter.api.availability import SWITCH_PATH, SWITCH_PROBLEMS, AvailabilityRequest, SwitchedUser
from exporter.api.call_backs import CALL_BACKS_PATH
from exporter.api.call_backs import NAMES as CALL_BACK_NAMES
from exporter.api.query import CURSOR, DEFAULT_LIMIT, HIGHEST_LIMIT, LIMIT, PATH
from exporter.api.recordings import ASSETS
from exporter.api.report import REPORT_PATH
from exporter.archive.criteria import PARAMETERS, Kind, Parameter
from exporter.archive.journeys import Journey
from exporter.archive.parsing import TIME_FORMATS
from exporter.report import parameters as report_parameters
from exporter.report.rows import Report
from exporter.version import VERSION
from exporter.web.problems import Problem

_SCHEMAS: dict[Kind, dict[str, Any]] = {
    "time": {"type": "string", "description": TIME_FORMATS},
    "duration": {"type": "string", "description": "a duration such as 10s, 15m or 1h30m"},
    "truth": {"type": "boolean"},
    "choice": {"type": "string"},
    "text": {"type": "string"},
}


_REFUSALS = {"403": "The exporter has no users configured, so no client can authenticate."}
"""In addition to 401, which is plain text."""


def description(base_url: str) -> Callable[[Request], Response]:
    """Return an endpoint that returns the OpenAPI description as JSON, with the URL of the landing page."""

    def describe(_: Request) -> Response:
        return Response(msgspec.json.encode(openapi(base_url)), media_type="application/json")

    return describe


def openapi(base_url: str = "/") -> dict[str, Any]:
    """Return the description, in OpenAPI 3.1."""
    objects = Calls, Journey, CallBacks, Report, Problem, AvailabilityRequest, SwitchedUser
    found, schemas = msgspec.json.schema_components(objects, ref_template="#/components/schemas/{name}")
    calls, journey, call_backs, report, problem, request, switched = found
    problems = {
        "400": "A parameter is unknown or malformed; the error names it.",
        **_REFUSALS,
        "503": "The archive is unavailable, or the search took too long.",
    }
    return {
        "openapi": "3.1.0",
        "info": {"title": "aircall-exporter", "version": VERSION},
        "servers": [{"url": base_url}],
        "paths": {
            PATH: {
                "get": {
                    "summary": "Search archived calls, newest first.",
                    "description": "A call must match all parameters, and one value of a repeated parameter.",
                    "parameters": [*map(_parameter, PARAMETERS), *_PAGING],
                    "responses": {
                        "200": _response("A page of the calls that match, and the totals of all.", calls),
                        **{code: _response(meaning, problem) for code, meaning in problems.items()},
                    },
                }
            },
            CALL_BACKS_PATH: {
                "get": {
                    "summary": "List missed callers who have not talked to a user since, oldest first.",
                    "parameters": [*(_name(*each) for each in CALL_BACK_NAMES.items()), _PAGING[0]],
                    "responses": {
                        "200": _response("The callers, and how many there are in all.", call_backs),
                        **{code: _response(meaning, problem) for code, meaning in problems.items()},
                    },
                }
            },
            REPORT_PATH: {
                "get": {
                    "summary": "Report figures of archived calls by interval.",
                    "parameters": list(map(_report_parameter, report_parameters.PARAMETERS)),
                    "responses": {
                        "200": _response("The report.", report),
                        **{code: _response(meaning, problem) for code, meaning in problems.items()},
                    },
                }
            },
            f"{PATH}/{{id}}": {
                "get": {
                    "summary": "Return an archived call with its steps.",
                    "parameters": [_ID],
                    "responses": {
                        "200": _response("The call and its steps, in order.", journey),
                        "404": _response("The archive does not have the call.", problem),
                        **{code: _response(meaning, problem) for code, meaning in problems.items()},
                    },
                }
            },
            **{f"{PATH}/{{id}}/{asset}": _listening(asset, problem) for asset in ASSETS},
            SWITCH_PATH: {
                "post": {
                    "summary": "Make a user available or unavailable, with --web.enable-admin-api.",
                    "parameters": [_ID],
                    "requestBody": {"required": True, "content": {"application/json": {"schema": request}}},
                    "responses": {
                        "200": _response("The user has this availability, now or already before.", switched),
                        **{code: _response(meaning, problem) for code, meaning in SWITCH_PROBLEMS.items()},
                    },
                }
            },
        },
        "components": {"schemas": schemas, "securitySchemes": {"password": _PASSWORD}},
        "security": [{"password": []}],
    }


def _listening(asset: str, problem: dict[str, Any]) -> dict[str, Any]:
    problems = {
        **_REFUSALS,
        "404": f"There is no such call, or it has no {asset}.",
        "502": "The request to Aircall failed, or its link is not valid.",
        "503": "Too many clients wait for recordings already.",
        "504": "Aircall did not answer in time.",
    }
    return {
        "get": {
            "summary": f"Listen to the {asset} of a call.",
            "parameters": [_ID],
            "responses": {
                "302": {"description": f"A redirect to a new link to the {asset} at Aircall."},
                **{code: _response(meaning, problem) for code, meaning in problems.items()},
            },
        }
    }


_PASSWORD = {"type": "http", "scheme": "basic"}
_ID = {
    "name": "id",
    "in": "path",
    "required": True,
    "schema": {"type": "integer", "minimum": 0, "maximum": 10**18 - 1},
}

_PAGING = [
    {
        "name": LIMIT,
        "in": "query",
        "description": "Calls on a page.",
        "schema": {"type": "integer", "minimum": 1, "maximum": HIGHEST_LIMIT, "default": DEFAULT_LIMIT},
    },
    {
        "name": CURSOR,
        "in": "query",
        "description": "Where the next page begins, as in the response's `next`.",
        "schema": {"type": "string", "minLength": 1},
    },
]


def _parameter(parameter: Parameter) -> dict[str, Any]:
    schema = _SCHEMAS[parameter.kind] | ({"enum": parameter.options} if parameter.options else {})
    return {
        "name": parameter.name,
        "in": "query",
        "description": parameter.meaning,
        "required": parameter.name == "from",
        "schema": {"type": "array", "items": schema} if parameter.several else schema,
        "example": [parameter.example] if parameter.several else parameter.example,
    }


def _name(name: str, who: str) -> dict[str, Any]:
    return {
        "name": name,
        "in": "query",
        "description": f"{who}, by name or id".capitalize(),
        "required": False,
        "schema": {"type": "array", "items": {"type": "string"}},
    }


def _report_parameter(parameter: report_parameters.Parameter) -> dict[str, Any]:
    schema = {"enum": parameter.options} if parameter.options else {}
    return {
        "name": parameter.name,
        "in": "query",
        "description": parameter.meaning,
        "required": False,
        "schema": {"type": "string"} | schema,
        "example": parameter.example,
    }


def _response(meaning: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": meaning, "content": {"application/json": {"schema": schema}}}
