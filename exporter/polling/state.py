"""The state of polling: what the poller, its requests and its fetches share."""

from dataclasses import dataclass

from prometheus_client import CollectorRegistry

from exporter.account.account import Account
from exporter.account.event_processor import EventProcessor
from exporter.aircall.request_budget import RequestBudget
from exporter.clock import Clock, Clocks
from exporter.config.settings import Settings
from exporter.polling.intervals import IntervalController
from exporter.polling.log_once import OnceLogger
from exporter.polling.metrics import PollerMetrics
from exporter.polling.server_time import ServerTime
from exporter.polling.tasks import Tasks
from exporter.polling.unknown_fields import UnknownFields


@dataclass(frozen=True)
class PollingState:
    """The account, and all that decides when each of its datasets is fetched."""

    account: Account
    event_processor: EventProcessor
    budget: RequestBudget
    clock: Clock
    """Our clock."""
    server_time: ServerTime
    tasks: Tasks
    intervals: IntervalController
    metrics: PollerMetrics
    once_logger: OnceLogger
    unknown_fields: UnknownFields


def begin_polling(settings: Settings, registry: CollectorRegistry, clocks: Clocks) -> PollingState:
    """Return the state before anything has been fetched."""
    account = Account(settings)
    budget = RequestBudget(settings.aircall.budget_share, settings.aircall.configured_limit)
    once_logger = OnceLogger(budget.limit)
    server_time = ServerTime(account, clocks)
    tasks = Tasks(account, server_time.clock)
    metrics = PollerMetrics(registry)
    tasks.pace = IntervalController(account, tasks.by_name, budget, once_logger)
    return PollingState(
        account=account,
        event_processor=EventProcessor(account),
        budget=budget,
        clock=clocks.steady,
        server_time=server_time,
        tasks=tasks,
        intervals=tasks.pace,
        metrics=metrics,
        once_logger=once_logger,
        unknown_fields=UnknownFields(metrics.unknown_fields, clocks.steady, account.limits),
    )
