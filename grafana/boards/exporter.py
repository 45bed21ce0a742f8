"""Build the dashboard of the exporter itself, for its operators."""

from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models.dashboard import Dashboard, Panel

from grafana.boards.board import Page, history
from grafana.boards.charts import bars, lines
from grafana.boards.counted import in_each, in_range
from grafana.boards.palette import BRIGHT_RED, CALM, GREEN, NO_DATA, RED, YELLOW, StateStyle, value_map
from grafana.boards.panels import Frame, over_time
from grafana.boards.promql import EXPORTER
from grafana.boards.tile import Tile, tiles

PAGE = Page(
    "aircall-exporter",
    "Aircall · Exporter",
    "Request budget, age of the data, errors and cost of the exporter",
)

DELIVERIES = (
    StateStyle("accepted", GREEN, "accepted"),
    StateStyle("out_of_order", YELLOW, "out of order"),
    StateStyle("too_large", RED, "too large"),
)
LIVE = f'{EXPORTER}, dataset=~"calls|availabilities"'


def _total(counter: str, labels: str = "") -> str:
    return f"sum({in_range(f'{counter}{{{EXPORTER}{labels}}}')})"


def _verdicts() -> Builder[Panel]:
    def verdict(title: str, expr: str, good: tuple[str, str], bad: tuple[str, str]) -> Tile:
        words = [StateStyle(good[0], CALM, good[1]), StateStyle(bad[0], BRIGHT_RED, f"‼ {bad[1]}")]
        return Tile(title, expr, mappings=[value_map(words)])

    def events(title: str, expr: str) -> Tile:
        return Tile(title, expr, steps=((1, YELLOW),))

    # Other jobs have `up`, too. An exporter that is down has no other series.
    up, known = f"up{{{EXPORTER}}}", f"last_over_time(aircall_up{{{EXPORTER}}}[$__range])"
    return tiles(
        Frame(
            title="Is all well?",
            description="Exporter: whether Prometheus can scrape it. Aircall: whether the last polls of "
            "calls and availabilities worked. API key: whether Aircall accepts it. Call archive: whether "
            "calls can be saved. Then, over the time range: polls that failed, requests that Aircall "
            "rejected because the rate limit was used up (429), objects that could not be decoded and were "
            "skipped. Good: yes, yes, accepted, saving, and 0.",
            unit="none",
            empty="No data: is the exporter running, and scraped?",
            width=24,
            height=4,
            base=NO_DATA,
        ),
        [
            verdict("Exporter is scraped", f"min({up} and on (instance) {known})", ("1", "yes"), ("0", "no")),
            verdict("Aircall answers", f"min(aircall_up{{{EXPORTER}}})", ("1", "yes"), ("0", "no")),
            verdict(
                "API key",
                f"max(aircall_api_credential_rejected{{{EXPORTER}}})",
                ("0", "accepted"),
                ("1", "rejected"),
            ),
            verdict("Call archive", f"min(aircall_archive_up{{{EXPORTER}}})", ("1", "saving"), ("0", "away")),
            events("Failed polls", _total("aircall_polls_total", ', result="error"')),
            events("Throttled", _total("aircall_api_throttled_total")),
            events("Unreadable objects", _total("aircall_malformed_objects_total")),
        ],
        title_size=17,
        value_size=38,
    )


def _budget() -> Builder[Panel]:
    return lines(
        Frame(
            title="Requests per minute, and the budget",
            description="Requests to Aircall by endpoint, the exporter's budget, and the company's limit. "
            "Good: all endpoints together below the budget; the rest of the limit is left to "
            "other integrations.",
            unit="short",
            empty="No requests in this time range",
            width=12,
            height=9,
        ),
        over_time(
            f"60 * sum by (endpoint) (rate(aircall_api_requests_total{{{EXPORTER}}}[$__rate_interval]))",
            "{{endpoint}}",
        ),
        over_time(f"max(aircall_api_budget_requests_per_minute{{{EXPORTER}}})", "budget"),
        over_time(f"max(aircall_api_limit_requests_per_minute{{{EXPORTER}}})", "company limit"),
        over_time(f"min(aircall_api_remaining_requests{{{EXPORTER}}})", "remaining"),
    )


def _age() -> Builder[Panel]:
    return lines(
        Frame(
            title="Age of each dataset, in poll intervals",
            description="How many of its poll intervals ago each dataset was read. Good: about 1. From 3 on "
            "polls are missing.",
            unit="short",
            empty="No data in this time range",
            width=12,
            height=9,
            base=GREEN,
            steps=((3, YELLOW), (12, BRIGHT_RED)),
        ),
        over_time(
            f"max by (dataset) (aircall_dataset_age_seconds{{{EXPORTER}}}"
            f" / aircall_poll_interval_seconds{{{EXPORTER}}})",
            "{{dataset}}",
        ),
    )


def _interval() -> Builder[Panel]:
    return lines(
        Frame(
            title="Poll intervals of the live data",
            description="How often calls and availabilities are read, and how often that was asked for "
            "(dashed). Good: the same. Longer: the budget does not allow more. While events come, once a "
            "minute is asked for, but sooner where one leaves open what a user does.",
            unit="s",
            empty="No data in this time range",
            width=12,
            height=8,
        ),
        *(
            over_time(
                f"max by (dataset) (aircall_poll_{kind}_seconds{{{LIVE}}})",
                legend,
            )
            for kind, legend in (
                ("interval", "{{dataset}}"),
                ("target_interval", "{{dataset}} asked for"),
            )
        ),
    )


def _failures() -> Builder[Panel]:
    failed = f'aircall_api_requests_total{{{EXPORTER}, code!~"2.."}}'
    # A series that is new or was reset began at 0 if the exporter was up before.
    since_zero = f"{failed} and on (instance) aircall_up{{{EXPORTER}}} offset $__interval"
    grown = f"{failed} - {failed} offset $__interval >= 0 or {since_zero}"
    return bars(
        Frame(
            title="Requests that failed",
            description="Answers of Aircall other than success, by code: an HTTP status, or timeout, "
            "connection, invalid. Good: none.",
            unit="short",
            empty="No failed request, or no data, in this time range",
            width=12,
            height=8,
        ),
        (),
        over_time(f"sum by (code) ({grown}) > 0", "{{code}}"),
    )


def _latency() -> Builder[Panel]:
    return lines(
        Frame(
            title="Time that Aircall takes to answer",
            description="95 of 100 requests to an endpoint were answered within this time. Good: well below "
            "a second.",
            unit="s",
            empty="No requests in this time range",
            width=12,
            height=8,
            base=GREEN,
            steps=((1, YELLOW), (5, BRIGHT_RED)),
        ),
        over_time(
            "histogram_quantile(0.95, sum by (endpoint, le) (rate("
            f"aircall_api_request_duration_seconds_bucket{{{EXPORTER}}}[$__rate_interval]))) > 0",
            "{{endpoint}}",
        ),
    )


def _pushed() -> Builder[Panel]:
    return bars(
        Frame(
            title="Events that Aircall pushes",
            description="Deliveries to the webhook, by what became of them. Good: accepted, and a few out "
            "of order or duplicate. Unauthorized: a client has a wrong token. Overflow: more than can be "
            "worked on.",
            unit="short",
            empty="No events in this time range, or no webhook",
            width=12,
            height=8,
        ),
        DELIVERIES,
        over_time(
            f"sum by (result) ({in_each(f'aircall_webhook_events_total{{{EXPORTER}}}')}) > 0", "{{result}}"
        ),
    )


def _since_event() -> Builder[Panel]:
    last = f"aircall_webhook_last_event_timestamp_seconds{{{EXPORTER}}}"
    return lines(
        Frame(
            title="Since the last event",
            description="How long ago Aircall pushed something. After five minutes without an event polls "
            "come as often as without a webhook. Good: minutes at most while people telephone.",
            unit="s",
            empty="No webhook",
            width=12,
            height=8,
        ),
        over_time(f"timestamp({last}) - {last}", "{{instance}}"),
    )


def _scrape() -> Builder[Panel]:
    return lines(
        Frame(
            title="Time that a scrape takes",
            description="How long Prometheus waits for the exporter's answer. Good: far below a second, "
            "however slow Aircall is.",
            unit="s",
            empty="No data: is the exporter scraped?",
            width=6,
            height=8,
            base=GREEN,
            steps=((1, YELLOW), (5, BRIGHT_RED)),
        ),
        over_time(
            f"scrape_duration_seconds{{{EXPORTER}}} and on (instance) aircall_up{{{EXPORTER}}}",
            "{{job}} {{instance}}",
        ),
    )


def _series() -> Builder[Panel]:
    return lines(
        Frame(
            title="Series per scrape",
            description="How many series the exporter exposes to Prometheus. It grows with users, teams "
            "and numbers.",
            unit="short",
            empty="No data: is the exporter scraped?",
            width=6,
            height=8,
        ),
        over_time(
            f"scrape_samples_post_metric_relabeling{{{EXPORTER}}} and on (instance) aircall_up{{{EXPORTER}}}",
            "{{job}} {{instance}}",
        ),
    )


def board() -> Dashboard:
    """Build the dashboard."""
    return (
        history(PAGE, "now-3h", "exporter", chosen=False)
        .with_panel(_verdicts())
        .with_panel(_budget())
        .with_panel(_age())
        .with_panel(_interval())
        .with_panel(_failures())
        .with_panel(_latency())
        .with_panel(_scrape())
        .with_panel(_series())
        .with_panel(_pushed())
        .with_panel(_since_event())
        .build()
    )
