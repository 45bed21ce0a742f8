"""Create JSON responses, and error responses with a one-line reason."""

import msgspec
from starlette.responses import Response


class Problem(msgspec.Struct, frozen=True):
    """An error response, with a one-line reason."""

    error: str


def json_answer(body: bytes, code: int = 200) -> Response:
    """Return a JSON response that must not be cached."""
    return Response(body, code, {"Cache-Control": "no-store"}, "application/json")


def problem(code: int, why: str) -> Response:
    """Return an error response."""
    return json_answer(msgspec.json.encode(Problem(why)), code)
