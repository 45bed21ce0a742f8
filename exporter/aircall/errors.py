"""What can go wrong between us and Aircall: the outside's failures, turned into a few of ours at the door."""

from exporter.aircall.headers import Headers

CREDENTIAL_REJECTED = "Aircall rejects the credential: check aircall.api_id and aircall.api_token"
"""What to tell whoever set the credential."""


NO_ANSWER = ("timeout", "connection")
"""The codes of requests that brought no answer at all, and may have taken as long as a request can."""


class ApiError(Exception):
    """A request that brought no usable answer.

    `code` is the answer's status, or `timeout`, `connection`, `invalid`.
    """

    def __init__(self, code: str, problem: str, headers: Headers | None = None) -> None:
        super().__init__(problem)
        self.code = code
        self.headers = headers or Headers()


class CredentialError(ApiError):
    """401 or 403: there are no scopes, so the credential is wrong (API reference, "Authentication").

    That holds for lists. A single object may be forbidden although the credential is right.
    """


class NotFoundError(ApiError):
    """404 or 410: the object, or the endpoint, is not there (any more)."""


class DroppedConnectionError(ApiError):
    """A connection that had been idle turned out to be dead: no byte of an answer came.

    The request may be repeated, and then goes out on a new connection, which cannot fail like this.
    """


class RateLimitedError(ApiError):
    """429: the company's limit is used up, by us or by its other integrations."""
