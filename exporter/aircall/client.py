"""The HTTP client: one session, one credential, one host."""

import time
from collections.abc import Iterator
from typing import TypeVar
from urllib.parse import urlsplit

import requests
import urllib3
from prometheus_client import CollectorRegistry, Counter, Histogram

from exporter import __version__
from exporter.addresses import is_loopback
from exporter.aircall.decoding import InvalidAnswerError
from exporter.aircall.endpoints import Request
from exporter.aircall.errors import ApiError, CredentialError, NotFoundError, ThrottledError
from exporter.aircall.headers import Headers, read_headers

T = TypeVar("T")

CONNECT_TIMEOUT = 5.0
READ_TIMEOUT = 10.0
"""Seconds without a byte; and for a whole answer, however steadily it drips."""
LARGEST_ANSWER = 16 * 2**20
"""Bytes; a page of 50 calls with everything in it has some 200 kB."""

_FINE = (200, 201, 204)

_BY_STATUS = {
    401: CredentialError,
    403: CredentialError,
    404: NotFoundError,
    410: NotFoundError,
    429: ThrottledError,
}


class ClientMetrics:
    """What the client counts of its own work."""

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


class _Session(requests.Session):
    """Does not even read where a redirect leads: that may be anything, and requests would stumble over it."""

    def get_redirect_target(self, resp: requests.Response) -> str | None:  # noqa: ARG002
        return None


class Client:
    """Asks Aircall. Makes each request once: when to try again is the poller's to decide."""

    def __init__(self, base_url: str, api_id: str, api_token: str, metrics: ClientMetrics) -> None:
        self._base_url = base_url
        self._metrics = metrics
        self._session = _Session()
        self._session.auth = (api_id, api_token)
        self._session.headers["User-Agent"] = f"aircall-exporter/{__version__}"
        self._session.headers["Accept"] = "application/json"
        if is_loopback(urlsplit(base_url).hostname or ""):
            self._session.trust_env = False  # a proxy has no way to this machine's loopback

    def close(self) -> None:
        self._session.close()

    def send(self, request: Request[T]) -> tuple[T, Headers]:
        """Make one request; gives what the answer holds, and its headers.

        Raises ApiError or one of its kinds. No text of theirs holds the credential or a query.
        """
        code, started, headers = "connection", time.monotonic(), Headers()
        try:
            response, body = self._fetch(request)
            headers, code = read_headers(response.headers), str(response.status_code)
            if response.status_code not in _FINE:
                kind = _BY_STATUS.get(response.status_code, ApiError)
                raise kind(code, f"{request.path}: {_refusal(response)}", headers)
            return request.decode(body), headers
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            code, problem = _failure(error)
            raise ApiError(code, f"{request.path}: {problem}") from None
        except InvalidAnswerError as error:
            code = "invalid"
            raise ApiError(code, f"{request.path}: {error}", headers) from None
        finally:
            self._metrics.requests.labels(request.template, code).inc()
            self._metrics.duration.labels(request.template).observe(time.monotonic() - started)

    def _fetch(self, request: Request[T]) -> tuple[requests.Response, bytes]:
        deadline = time.monotonic() + READ_TIMEOUT
        with self._session.request(
            request.method,
            self._base_url + request.path,
            params=list(request.query),
            data=request.content,
            headers={"Content-Type": "application/json"} if request.content else None,
            timeout=(CONNECT_TIMEOUT, READ_TIMEOUT),
            allow_redirects=False,  # the credential goes to the configured host and nowhere else
            stream=True,
        ) as response:
            body = bytearray()
            while chunk := response.raw.read1(64 * 1024, decode_content=True):
                body += chunk
                if len(body) > LARGEST_ANSWER:
                    raise InvalidAnswerError(f"the answer is larger than {LARGEST_ANSWER} bytes")
                if time.monotonic() > deadline:
                    raise requests.Timeout
            return response, bytes(body)


def _refusal(response: requests.Response) -> str:
    try:
        target = urlsplit(response.headers.get("Location", "")).hostname
    except ValueError:
        target = "nowhere"
    follow = f", a redirect to {target} that is not followed" if response.is_redirect and target else ""
    return f"answered {response.status_code}{follow}"


def _failure(error: Exception) -> tuple[str, str]:
    """The failure's code and a few words; requests' own texts hold whole URLs and addresses of objects."""
    kinds = {type(cause).__name__ for cause in _causes(error)}
    if kinds & {"Timeout", "ConnectTimeout", "ReadTimeout", "ReadTimeoutError"}:
        return "timeout", "no answer in time"
    if "SSLError" in kinds:
        return "connection", "the TLS connection failed"
    if "NameResolutionError" in kinds:
        return "connection", "the host's name cannot be resolved"
    if kinds & {
        "ChunkedEncodingError",
        "ContentDecodingError",
        "IncompleteRead",
        "DecodeError",
        "InvalidChunkLength",
    }:
        return "connection", "the answer broke off"
    return "connection", "no connection"


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and what it was made of: requests wraps urllib3's, as an argument or as `reason`."""
    yield error
    for inner in (*error.args, getattr(error, "reason", None)):
        if isinstance(inner, BaseException):
            yield from _causes(inner)
