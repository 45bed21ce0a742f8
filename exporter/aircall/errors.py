"""The errors of requests to Aircall's API."""

from exporter.aircall.headers import Headers

CREDENTIAL_REJECTED = "Aircall rejects the credential: check aircall.api_id and aircall.api_token"
"""The message for a rejected credential."""

RATE_LIMITED_CODE = "429"
"""Code of a request that Aircall refuses because of its rate limit."""

NO_ANSWER = ("timeout", "connection")
"""The codes of requests without any response, which may have taken the whole timeout."""


class ApiError(Exception):
    """A request without a usable response.

    `code` is the response's status, or `timeout`, `connection` or `invalid`.
    """

    def __init__(self, code: str, problem: str, headers: Headers | None = None) -> None:
        super().__init__(problem)
        self.code = code
        self.headers = headers or Headers()


class CredentialError(ApiError):
    """401 or 403: the credential is wrong, since the API has no scopes (API reference, "Authentication").

    This is true for lists. A single object may be forbidden although the credential is right.
    """


class NotFoundError(ApiError):
    """404 or 410: the object or the endpoint does not exist, or no longer exists."""


class DroppedConnectionError(ApiError):
    """An idle connection turned out to be dead: no byte of a response arrived.

    The request may be repeated. It then uses a new connection, which cannot fail in this way.
    """


class RateLimitedError(ApiError):
    """429: the company's rate limit is used up, by us or by its other integrations."""
