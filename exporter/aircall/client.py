"""The HTTP client: one session, one credential, one host."""

import re
import time
from typing import TypeVar
from urllib.parse import urlsplit

import requests
import structlog
from prometheus_client import CollectorRegistry, Counter, Histogram

from exporter.aircall import http_session
from exporter.aircall.decoding import InvalidResponseError
from exporter.aircall.endpoints import Request
from exporter.aircall.errors import (
    ApiError,
    CredentialError,
    DroppedConnectionError,
    NotFoundError,
    RateLimitedError,
)
from exporter.aircall.failure_messages import describe
from exporter.aircall.headers import Headers, read_headers
from exporter.aircall.transport import Attempt

log = structlog.get_logger()

T = TypeVar("T")

REPEATABLE = ("GET", "PUT")
"""Idempotent methods, whose requests may be repeated. Other requests always use a new connection, because
after a dropped connection it is unknown whether they took effect."""
MAX_RESPONSE_BYTES = 16 * 2**20
"""A page of 50 calls with all fields has about 200 kB."""

FAILURES = ("timeout", "connection", "invalid")
"""Codes of requests without a valid response."""

_SUCCESS = (200, 201, 204)

_BY_STATUS = {
    401: CredentialError,
    403: CredentialError,
    404: NotFoundError,
    410: NotFoundError,
    429: RateLimitedError,
}


class ClientMetrics:
    """Metrics of the client's requests."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.requests = Counter(
            "aircall_api_requests",
            "Requests made to Aircall's API, by the endpoint's path and the answer's status"
            " (or timeout, connection, invalid).",
            ["endpoint", "code"],
            registry=registry,
        )
        self.duration = Histogram(
            "aircall_api_request_duration_seconds",
            "How long Aircall's API took to answer.",
            ["endpoint"],
            buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20),
            registry=registry,
        )

    def count(self, endpoint: str, code: str, seconds: float) -> None:
        """Count a request that took `seconds`.

        Failures without a status begin at 0, so that `increase()` includes the first one.
        """
        for failure in FAILURES:
            self.requests.labels(endpoint, failure)
        self.requests.labels(endpoint, code).inc()
        self.duration.labels(endpoint).observe(seconds)


class Client:
    """Sends requests to Aircall, one at a time, without retries: the poller decides what is repeated."""

    def __init__(self, base_url: str, api_id: str, api_token: str, metrics: ClientMetrics) -> None:
        self._base_url = base_url
        self._metrics = metrics
        self._session, self._transport = http_session.new_session(base_url)
        self._session.auth = (api_id, api_token)
        self._session.headers["Accept"] = "application/json"

    def close(self) -> None:
        """Close all connections."""
        self._session.close()

    def send(self, request: Request[T]) -> tuple[T, Headers]:
        """Send one request. Returns the decoded response and its headers.

        Raises:
            ApiError: For every failure, also as a subclass. The message contains no credential and no query.
        """
        code, started, headers = "connection", time.monotonic(), Headers()
        max_idle = self._transport.max_idle if request.method in REPEATABLE else 0.0
        attempt = Attempt(http_session.REQUEST_TIMEOUT_S, max_idle)
        try:
            with attempt:
                response, body = self._fetch(request, attempt)
            headers, code = read_headers(response.headers), str(response.status_code)
            if response.status_code not in _SUCCESS:
                kind = _BY_STATUS.get(response.status_code, ApiError)
                raise kind(code, f"{request.path}: {_refusal(response)}", headers)
            return _decoded(request, body), headers
        except ApiError:
            raise
        except InvalidResponseError as error:
            code = "invalid"
            raise ApiError(code, f"{request.path}: {error}", headers) from None
        except Exception as error:  # any exception means that the request failed
            code, problem = describe(error, self._base_url, attempt, http_session.REQUEST_TIMEOUT_S)
            kind = self._dropped(attempt) if attempt.is_dropped else ApiError
            raise kind(code, f"{request.path}: {problem}") from None
        finally:
            self._metrics.count(request.template, code, time.monotonic() - started)

    def _dropped(self, attempt: Attempt) -> type[ApiError]:
        self._transport.drop_connections(attempt.idle)
        log.info(
            "no response on an idle connection, repeating the request on a new one",
            idle=f"{attempt.idle:.1f}s",
            max_idle=f"{self._transport.max_idle:.1f}s",
        )
        return DroppedConnectionError

    def _fetch(self, request: Request[T], attempt: Attempt) -> tuple[requests.Response, bytes]:
        with self._session.request(
            request.method,
            self._base_url + request.path,
            params=list(request.query),
            data=request.content,
            headers={"Content-Type": "application/json"} if request.content else None,
            timeout=(http_session.CONNECT_TIMEOUT_S, http_session.REQUEST_TIMEOUT_S),
            allow_redirects=False,  # the credential is sent to the configured host only
            stream=True,
        ) as response:
            body = bytearray()
            while chunk := response.raw.read1(64 * 1024, decode_content=True):
                body += chunk
                if len(body) > MAX_RESPONSE_BYTES:
                    raise InvalidResponseError(f"the answer is larger than {MAX_RESPONSE_BYTES} bytes")
                if attempt.remaining <= 0:
                    break
            if attempt.remaining <= 0:  # the body may end early because the connection was shut down
                raise requests.Timeout
            return response, bytes(body)


def _decoded(request: Request[T], body: bytes) -> T:
    """Decode a response. Raises InvalidResponseError for every failure."""
    try:
        return request.decode(body)
    except InvalidResponseError:
        raise
    except Exception as error:  # such as RecursionError or MemoryError
        raise InvalidResponseError(f"the answer cannot be decoded: {type(error).__name__}") from None


def _refusal(response: requests.Response) -> str:
    try:
        target = urlsplit(response.headers.get("Location", "")).hostname
    except ValueError:
        target = "nowhere"
    if target and not re.fullmatch(r"[a-z0-9_.:-]{1,253}", target):
        target = "an address that is not valid"
    follow = f", a redirect to {target} that is not followed" if response.is_redirect and target else ""
    return f"answered {response.status_code}{follow}"
