"""Requests with a short timeout."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from prometheus_client import CollectorRegistry

from exporter.aircall import endpoints
from exporter.aircall.client import Client, ClientMetrics
from exporter.aircall.endpoints import Request
from exporter.aircall.errors import ApiError

SECONDS = 0.25
ANSWER = b'HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n{"teams": []}'
CREATE = Request("/v1/webhooks", lambda body: body, method="POST", content=b"{}")
"""A request that always uses a new connection."""


def new_client(url: str) -> Client:
    return Client(url, "the-id", "the-token", ClientMetrics(CollectorRegistry()))


def failure(url: str, within: float = 10) -> ApiError:
    """Return the error of a request. The test fails if there is none after `within` seconds."""
    registry = CollectorRegistry()
    client = Client(url, "the-id", "the-token", ClientMetrics(registry))

    def send() -> ApiError:
        with pytest.raises(ApiError) as failed:
            client.send(endpoints.teams())
        return failed.value

    pool = ThreadPoolExecutor(1)
    try:
        error = pool.submit(send).result(within)
    finally:
        client.close()
        pool.shutdown(wait=False)
    labels = {"endpoint": "/v1/teams", "code": error.code}
    assert registry.get_sample_value("aircall_api_requests_total", labels) == 1
    assert "the-token" not in str(error)
    return error
