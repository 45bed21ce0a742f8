"""A client that gives up after a moment, and a clock by which it was as patient as it really is."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from exporter.aircall import http_session, transport
from exporter.aircall.endpoints import Request
from exporter.aircall.errors import ApiError
from harness.simulated_time import Polled


@contextmanager
def given_up_after(seconds: float, world: Polled, moment: float = 0.1) -> Iterator[None]:
    """Let requests without a quick response take `seconds` by the exporter's clock."""
    send, patience = world.client.send, http_session.REQUEST_TIMEOUT_S
    least_idle = transport.MIN_SILENT_DROP_S

    def patiently(request: Request[Any]) -> Any:
        try:
            return send(request)
        except ApiError as error:
            if error.code == "timeout":
                world.time.now += seconds
            raise

    world.client.send = patiently  # type: ignore[method-assign]
    http_session.REQUEST_TIMEOUT_S = moment
    transport.MIN_SILENT_DROP_S = 0.0  # connections are idle in simulated time only
    yield
    world.client.send = send  # type: ignore[method-assign]
    http_session.REQUEST_TIMEOUT_S = patience
    transport.MIN_SILENT_DROP_S = least_idle
