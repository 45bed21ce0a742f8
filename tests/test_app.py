"""The web application: metrics, health, the landing page, refresh and reload, over real HTTP."""

import gzip
import re
import time
from collections.abc import Iterable
from typing import Any

import pytest
import requests
from prometheus_client.core import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from exporter.aircall.data_limits import MAX_TEXT_LENGTH
from exporter.config.yaml_file import ConfigError
from exporter.simulator.faults import Fault, Hang
from exporter.simulator.simulation import SimulatedAccount
from tests.support.running import Running, eventually, running

OPENMETRICS = "application/openmetrics-text;version=1.0.0"
QUICK = {"rate_limit": 600}
"""A limit with which the first requests are not spread over a quarter of a minute."""


def current_account(**options: Any) -> SimulatedAccount:
    """Return an account that starts now."""
    return SimulatedAccount(start=time.time(), **options)


@pytest.fixture(scope="module")
def exporter():
    with running(current_account(), served=QUICK, sla=8) as exporter:
        exporter.until_ready()
        yield exporter


def get(exporter: Running, path: str, **headers: str) -> requests.Response:
    return requests.get(exporter.url + path, headers=headers, timeout=10)


def series(families: Iterable[Metric]) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """Return the values of the series that do not change from second to second."""
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
        if family.name.startswith("aircall_") and not re.search("_seconds|_api_|_polls_", sample.name)
    }


def test_metrics_in_both_formats_have_the_same_values() -> None:
    with running(current_account(calls_per_hour=0), served=QUICK) as quiet:
        quiet.until_ready()
        eventually(lambda: quiet.scrape().all("aircall_team_calls_total"))
        text, openmetrics = get(quiet, "/metrics"), get(quiet, "/metrics", Accept=OPENMETRICS)
    assert text.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    assert openmetrics.headers["Content-Type"].startswith("application/openmetrics-text; version=1.0.0")
    assert openmetrics.text.endswith("# EOF\n")
    values = series(parse_text(text.text))
    assert values == series(parse_openmetrics(openmetrics.text))
    assert len(values) > 500


def test_metrics_in_openmetrics_have_exemplars_of_calls(exporter: Running) -> None:
    eventually(lambda: "aircall_calls_total{" in get(exporter, "/metrics").text)  # they are saved first
    families = {f.name: f for f in parse_openmetrics(get(exporter, "/metrics", Accept=OPENMETRICS).text)}
    for name in ("aircall_call_answer_seconds", "aircall_call_talk_seconds"):
        exemplars = [sample.exemplar for sample in families[name].samples if sample.exemplar]
        assert exemplars
        calls = {str(call) for call in exporter.account.calls}
        assert {exemplar.labels["call_id"] for exemplar in exemplars} <= calls
        assert {exemplar.timestamp for exemplar in exemplars} == {None}  # they appear with their bucket


@pytest.mark.parametrize(
    ("accepted", "compressed"),
    [("gzip", True), ("deflate, gzip;q=0.5", True), ("identity", False), ("gzip;q=0", False), ("", False)],
)
def test_metrics_if_gzip_is_accepted_are_compressed(
    exporter: Running, accepted: str, compressed: bool
) -> None:
    answer = requests.get(
        f"{exporter.url}/metrics", headers={"Accept-Encoding": accepted}, stream=True, timeout=10
    )
    body = answer.raw.read(decode_content=False)
    assert (answer.headers.get("Content-Encoding") == "gzip") == compressed
    text = gzip.decompress(body) if compressed else body
    assert b"\naircall_up 1.0\n" in text


def test_health_and_readiness_of_a_ready_exporter_return_200(exporter: Running) -> None:
    assert get(exporter, "/-/healthy").status_code == 200
    assert get(exporter, "/-/ready").status_code == 200
    assert requests.head(f"{exporter.url}/-/healthy", timeout=10).status_code == 200


def test_landing_page_after_the_first_poll_shows_each_dataset(exporter: Running) -> None:
    page = get(exporter, "/").text
    assert "The data is up to date." in page
    for dataset in ("calls", "availabilities", "users", "teams", "numbers", "assignments"):
        assert f"<td>{dataset}</td>" in page
    assert "480 of the company's 600 requests a minute" in page
    assert exporter.aircall.api_token not in page


def test_unknown_path_or_disallowed_method_returns_an_error(exporter: Running) -> None:
    assert get(exporter, "/nowhere").status_code == 404
    assert requests.post(f"{exporter.url}/metrics", timeout=10).status_code == 405
    assert get(exporter, "/-/refresh").status_code == 405
    assert get(exporter, "/-/reload").status_code == 405
    refused = requests.post(f"{exporter.url}/-/reload", timeout=10)
    assert (refused.status_code, "--web.enable-lifecycle" in refused.text) == (403, True)


def test_ready_while_a_dataset_is_missing_returns_503_with_its_name() -> None:
    hang = Hang()
    faults = [Fault(lambda path: path == "/v1/teams", hang)]
    with running(current_account(calls_per_hour=0), served={"faults": faults}) as exporter:
        assert hang.reached.wait(10)
        answer = get(exporter, "/-/ready")
        assert answer.status_code == 503
        assert "teams" in answer.text
        assert "calls" not in answer.text
        hang.released.set()
        exporter.aircall.faults.clear()
        eventually(lambda: get(exporter, "/-/ready").status_code == 200)


def test_scrape_during_a_hanging_request_is_answered(exporter: Running) -> None:
    hang = Hang()
    exporter.aircall.faults.append(Fault(lambda path: True, hang))
    try:
        assert hang.reached.wait(15)
        before = exporter.scrape()
        after = exporter.scrape()
        assert not hang.released.is_set()
        age = "aircall_dataset_age_seconds"
        assert after.number(age, dataset="calls") > before.number(age, dataset="calls")
        assert after.value("aircall_up") == 1
    finally:
        hang.released.set()
        exporter.aircall.faults.clear()


def test_refresh_after_a_new_team_fetches_the_team(exporter: Running) -> None:
    team = exporter.account.add_team("Fresh Team")
    assert requests.post(f"{exporter.url}/-/refresh", timeout=10).status_code == 200
    eventually(lambda: team.name in exporter.scrape().labels("aircall_team_users", "team"))


def test_reload_with_an_invalid_configuration_returns_500_with_the_error() -> None:
    problems = [ConfigError("aircall.yml", "sla", "found 5, expected a duration"), None]

    def reload() -> tuple[str, ...]:
        problem = problems.pop(0)
        if problem:
            raise problem
        return ()

    with running(current_account(calls_per_hour=0), reload=reload) as exporter:
        refused = requests.post(f"{exporter.url}/-/reload", timeout=10)
        assert (refused.status_code, "aircall.yml: sla: found 5" in refused.text) == (500, True)
        assert requests.post(f"{exporter.url}/-/reload", timeout=10).status_code == 200


def test_metrics_with_any_user_name_are_parsed_in_both_formats() -> None:
    names = [
        '"quoted"',
        "back\\slash",
        "two\nlines",
        "emoji 🎧",
        "مريم",
        "tab\there",
        "\u2028",
        "carriage\rreturn",
        "a" * 500,
    ]
    account = current_account(calls_per_hour=0, users=len(names))
    for user, name in zip(account.users.values(), names, strict=True):
        user.name = name
    with running(account, served=QUICK) as exporter:
        exporter.until_ready()
        for accept, parse in (("text/plain", parse_text), (OPENMETRICS, parse_openmetrics)):
            families = {
                family.name: family
                for family in parse(get(exporter, "/metrics", Accept=accept).content.decode())
            }
            shown = {sample.labels["user"] for sample in families["aircall_user_info"].samples}
            assert shown == {name[:MAX_TEXT_LENGTH] for name in names}  # longer names are cut
