"""Routes and inhibition of alerts in a real Alertmanager."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from exporter.durations import parse_duration
from harness.addresses import free_address
from harness.servers import served
from tests.support.running import eventually

ROOT = Path(__file__).resolve().parents[2]
FILE = ROOT / "prometheus/alertmanager.yml"
CONFIG: dict[str, Any] = yaml.safe_load(FILE.read_text(encoding="utf-8"))
ALERTS: list[dict[str, Any]] = [
    rule
    for group in yaml.safe_load((ROOT / "prometheus/rules/alerts.yml").read_text(encoding="utf-8"))["groups"]
    for rule in group["rules"]
]

Labels = dict[str, str]


def known_labels() -> set[str]:
    """Return the labels that alerts have in the unit tests of the rules."""
    return {"alertname"} | {
        label
        for file in (ROOT / "prometheus/tests").glob("*.yml")
        for test in yaml.safe_load(file.read_text(encoding="utf-8"))["tests"]
        for check in test.get("alert_rule_test", [])
        for expected in check.get("exp_alerts", [])
        for label in expected["exp_labels"]
    }


def labels_of(alert: str, instance: str) -> Labels:
    """Return the labels of an alert such as `AircallDataStale/warning dataset=calls`."""
    head, *pairs = alert.split()
    name, _, severity = head.partition("/")
    of_the_rule = next(
        rule["labels"]
        for rule in ALERTS
        if rule["alert"] == name and severity in ("", rule["labels"]["severity"])
    )
    others = dict(pair.split("=") for pair in pairs)
    return {"alertname": name, "job": "aircall", "instance": instance, **of_the_rule, **others}


@pytest.fixture(scope="module")
def alertmanager(alertmanager_binary: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    address = free_address()
    with served(
        alertmanager_binary,
        f"--config.file={FILE}",
        "--storage.path=data",
        f"--web.listen-address={address}",
        "--cluster.listen-address=",
        directory=tmp_path_factory.mktemp("alertmanager"),
        ready=f"http://{address}/-/ready",
    ):
        yield f"http://{address}"


def test_alertmanager_accepts_the_configuration(amtool: Callable[..., str]) -> None:
    amtool("check-config", FILE)


def test_alertmanager_accepts_the_commented_receivers_and_routes(
    amtool: Callable[..., str], tmp_path: Path
) -> None:
    text = re.sub(r"^( *)#( *(?:- )?\w+:.*)$", r"\1\2", FILE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    without_teams, _, _ = text.partition("    msteamsv2_configs:")  # Alertmanager 0.28; Debian's may be older
    file = tmp_path / "alertmanager.yml"
    file.write_text(without_teams, encoding="utf-8")
    amtool("check-config", file)

    receivers = {receiver["name"]: set(receiver) - {"name"} for receiver in yaml.safe_load(text)["receivers"]}
    assert receivers == {
        "discard": set(),
        "supervisors": {"slack_configs"},
        "on-call": {"pagerduty_configs", "webhook_configs"},
        "digest": {"email_configs"},
        "sales-lead": {"msteamsv2_configs"},
    }
    labels = ["area=calls", "severity=warning", "team=Sales"]
    sales = amtool("config", "routes", "test", f"--config.file={file}", *labels)
    assert sales.split() == ["sales-lead"]


@pytest.mark.parametrize(
    ("alert", "receiver"),
    [
        ("AircallCallerWaitingTooLong/critical number=Sales", "supervisors"),
        ("AircallTeamOverSLA team=Sales", "supervisors"),
        ("AircallUserOverSLA user=Ada", "digest"),
        ("AircallUserStateTooLong user=Ada", "supervisors"),
        ("AircallTeamAverageCallDurationHigh team=Sales", "digest"),
        ("AircallDataMissing dataset=teams", "on-call"),
        ("AircallUnreachable", "on-call"),
        ("AircallMalformedObjects kind=call", "digest"),
        ("AircallLiveDataOld dataset=calls", "discard"),
    ],
)
def test_alert_is_routed_to_its_receiver(amtool: Callable[..., str], alert: str, receiver: str) -> None:
    labels = [f"{name}={value}" for name, value in labels_of(alert, "exporter").items()]
    assert amtool("config", "routes", "test", f"--config.file={FILE}", *labels).split() == [receiver]


@pytest.mark.parametrize(
    ("firing", "inhibited"),
    [
        pytest.param(
            ["AircallExporterDown"],
            ["AircallDataStale/warning dataset=users", "AircallThrottled", "AircallTeamOverSLA team_id=10"],
            id="exporter down suppresses all others",
        ),
        pytest.param(
            ["AircallUnreachable"],
            [
                "AircallDataStale/critical",
                "AircallDataMissing dataset=teams",
                "AircallNobodyAvailable/critical number_id=7",
            ],
            id="unreachable suppresses stale data and the dashboard",
        ),
        pytest.param(
            ["AircallCredentialRejected"],
            ["AircallUnreachable", "AircallDataStale/warning dataset=teams", "AircallTeamOverSLA team_id=10"],
            id="rejected credential suppresses its consequences",
        ),
        pytest.param(
            ["AircallDataStale/warning dataset=availabilities"],
            [
                "AircallCallerWaitingTooLong/critical number_id=7",
                "AircallNumberMissedShareHigh/warning number_id=7",
                "AircallUserStateTooLong user_id=1",
                "AircallNumberAverageCallDurationHigh number_id=7",
            ],
            id="stale live data suppresses alerts about calls",
        ),
        pytest.param(
            ["AircallDataStale/critical"],
            ["AircallDataStale/warning dataset=teams", "AircallTeamOverSLA team_id=10"],
            id="critical stale data suppresses the warnings about datasets and alerts about calls",
        ),
        pytest.param(
            ["AircallLiveDataOld dataset=calls", "AircallUserStateTooLong user_id=1 kpi=in_call"],
            [
                "AircallCallerWaitingTooLong/critical number_id=7",
                "AircallNobodyAvailable/warning number_id=7",
            ],
            id="old calls suppress alerts about the queue",
        ),
        pytest.param(
            [
                "AircallLiveDataOld dataset=availabilities",
                "AircallCallerWaitingTooLong/critical number_id=8",
                "AircallTeamOverSLA team_id=10",
            ],
            [
                "AircallUserStateTooLong user_id=1 kpi=in_call",
                "AircallOpenNumberUnattended number_id=7",
                "AircallNobodyAvailable/critical number_id=7",
            ],
            id="old availabilities suppress alerts about users' states",
        ),
        pytest.param(
            ["AircallDataStale/warning dataset=users", "AircallCallerWaitingTooLong/critical number_id=7"],
            [],
            id="stale users suppress nothing",
        ),
        pytest.param(
            [
                "AircallCallerWaitingTooLong/critical number_id=7",
                "AircallCallerWaitingTooLong/warning number_id=8",
            ],
            ["AircallCallerWaitingTooLong/warning number_id=7"],
            id="critical suppresses the warning for the same number",
        ),
        pytest.param(
            [
                "AircallTeamMissedShareHigh/critical team_id=10",
                "AircallUserStateTooLong user_id=1 kpi=in_call",
            ],
            ["AircallTeamMissedShareHigh/warning team_id=10"],
            id="critical suppresses the warning for the same team",
        ),
        pytest.param(
            [
                "AircallNobodyAvailable/critical number_id=7",
                "AircallCallerWaitingTooLong/critical number_id=8",
            ],
            ["AircallCallerWaitingTooLong/critical number_id=7"],
            id="no signed-in user suppresses long waits",
        ),
        pytest.param(
            [
                "AircallNobodyAvailable/warning number_id=7",
                "AircallCallerWaitingTooLong/critical number_id=7",
            ],
            [],
            id="busy users suppress no long wait",
        ),
    ],
)
def test_alert_whose_cause_fires_is_suppressed(
    alertmanager: str, request: pytest.FixtureRequest, firing: list[str], inhibited: list[str]
) -> None:
    instance = request.node.callspec.id
    suppressed = [labels_of(alert, instance) for alert in inhibited]
    active = [labels_of(alert, instance) for alert in firing]
    active += [labels_of(alert, f"{instance}, another company {n}") for n, alert in enumerate(inhibited)]
    alerts = [{"labels": labels} for labels in active + suppressed]
    requests.post(f"{alertmanager}/api/v2/alerts", json=alerts, timeout=5).raise_for_status()

    def as_expected() -> bool:
        shown = requests.get(f"{alertmanager}/api/v2/alerts", timeout=5).json()
        by_state = {
            state: [alert["labels"] for alert in shown if alert["status"]["state"] == state]
            for state in ("active", "suppressed")
        }
        return all(labels in by_state["active"] for labels in active) and all(
            labels in by_state["suppressed"] for labels in suppressed
        )

    eventually(as_expected)


def test_cause_continues_for_longer_than_its_effects() -> None:
    names = "AircallCredentialRejected", "AircallUnreachable", "AircallDataStale", "AircallDataStale"
    severities = "critical", "critical", "critical", "warning"
    kept = [
        parse_duration(rule["keep_firing_for"])
        for name, severity in zip(names, severities, strict=True)
        for rule in ALERTS
        if (rule["alert"], rule["labels"]["severity"]) == (name, severity)
    ]
    assert len(kept) == 4
    assert kept == sorted(set(kept), reverse=True)


@pytest.mark.parametrize(
    "name", ["AircallCallerWaitingTooLong", "AircallNobodyAvailable", "AircallUserStateTooLong"]
)
def test_old_data_silences_an_alert_until_it_has_ended(name: str) -> None:
    kept = {rule["keep_firing_for"] for rule in ALERTS if rule["alert"] in (name, "AircallLiveDataOld")}
    assert len(kept) == 1


def test_inhibition_and_routes_use_alerts_and_labels_that_exist() -> None:
    names = {alert["alert"] for alert in ALERTS}
    matchers = [
        matcher
        for rule in CONFIG["inhibit_rules"]
        for matcher in rule["source_matchers"] + rule["target_matchers"]
    ]
    matchers += re.findall(r"^ *- matchers: \[(.*)\]", FILE.read_text(encoding="utf-8"), re.MULTILINE)
    for matcher in matchers:
        ((label, value),) = re.findall(r'^(\w+)(?:=~|!=|!~|=)"(.*)"$', matcher)
        assert label in known_labels(), matcher
        if label == "alertname":
            assert set(value.split("|")) <= names, matcher
    for rule in CONFIG["inhibit_rules"]:
        assert set(rule["equal"]) <= known_labels()
    assert set(CONFIG["route"]["group_by"]) <= known_labels()
