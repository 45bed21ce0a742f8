"""Send pushes to Grafana, with a deadline for the whole request."""

import requests

from exporter.aircall.failure_messages import address, describe
from exporter.aircall.http_session import new_session
from exporter.aircall.transport import Attempt

PATH = "/api/live/push"

TIMEOUT_S = 3.0
"""Seconds for a whole push, with name lookup, proxy, TLS and response."""

MAX_RESPONSE_BYTES = 64 * 1024
"""A connection with a longer response is closed."""

_REMEDIES = {
    401: "it rejects the token, check the file in grafana_live.token_file",
    403: "the token's service account may not push, set its role to Editor",
    404: "it has no Grafana Live at this address, check grafana_live.url",
}


class PushError(Exception):
    """A push that failed. The text is one line without the token."""

    def __init__(self, problem: str, rejected: bool = False) -> None:
        super().__init__(problem)
        self.rejected = rejected
        """Whether Grafana has answered, and a change of its configuration or of ours is needed."""


class _BearerToken(requests.auth.AuthBase):
    """Sets the header. Without such an object, requests would prefer a password in `~/.netrc`."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


class GrafanaClient:
    """Sends requests to one Grafana.

    With a measurement, the name of the stream is the channel of a panel: `stream/aircall/queue`.
    """

    def __init__(self, base_url: str, stream: str) -> None:
        self._base_url, self._stream = base_url, stream
        self._session, self._transport = new_session(base_url)

    def close(self) -> None:
        """Close all connections."""
        self._session.close()

    def push(self, body: bytes, token: str) -> None:
        """Push lines. If an idle connection turns out to be dead, repeat the push on a new one.

        Raises PushError.
        """
        attempt = Attempt(TIMEOUT_S, self._transport.max_idle)
        try:
            status = self._post(body, token, attempt)
        except Exception as error:  # any exception means that the push failed
            if attempt.is_dropped:
                self._transport.drop_connections(attempt.idle)
                status = self._push_again(body, token)
            else:
                raise self._failure(error, attempt) from None
        if status != requests.codes.ok:
            remedy = _REMEDIES.get(status, "a redirect that is not followed, check grafana_live.url")
            problem = f"{address(self._base_url)} answered {status}"
            rejected = status in _REMEDIES or 300 <= status < 400
            raise PushError(f"{problem}: {remedy}" if rejected else problem, rejected)

    def _push_again(self, body: bytes, token: str) -> int:
        attempt = Attempt(TIMEOUT_S, max_idle=0.0)
        try:
            return self._post(body, token, attempt)
        except Exception as error:
            raise self._failure(error, attempt) from None

    def _failure(self, error: Exception, attempt: Attempt) -> PushError:
        return PushError(describe(error, self._base_url, attempt, TIMEOUT_S)[1])

    def _post(self, body: bytes, token: str, attempt: Attempt) -> int:
        """Return the status of the response. Raises any exception if there is none in time."""
        with (
            attempt,
            self._session.post(
                f"{self._base_url}{PATH}/{self._stream}",
                data=body,
                headers={"Content-Type": "text/plain; charset=utf-8"},
                auth=_BearerToken(token),
                timeout=(TIMEOUT_S, TIMEOUT_S),
                allow_redirects=False,  # the token is sent to the configured host only
                stream=True,
            ) as response,
        ):
            _read(response)
            if attempt.remaining <= 0:
                raise requests.Timeout
            return response.status_code


def _read(response: requests.Response) -> None:
    """Read the body, after which its connection can be used again. A long one is not read to its end."""
    length = 0
    while length <= MAX_RESPONSE_BYTES and (chunk := response.raw.read1(MAX_RESPONSE_BYTES)):
        length += len(chunk)
