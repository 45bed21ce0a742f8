"""Prometheus and curl as clients of an exporter with TLS and passwords."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from harness.addresses import free_address
from harness.servers import served
from tests.support.authority import HASH, MUTUAL, PASSWORD, TLS, USER, Authority, common_name, exporter
from tests.support.running import Running, eventually
from tests.support.stack import program

USERS = {"basic_auth_users": {USER[0]: HASH}}


@pytest.fixture
def password_file(tmp_path: Path) -> str:
    file = tmp_path / "password"
    file.write_text(PASSWORD)
    return str(file)


@contextmanager
def prometheus(tmp_path: Path, jobs: list[dict[str, Any]]) -> Iterator[str]:
    """Run a Prometheus that scrapes these. Returns its address."""
    address = free_address()
    config = {"global": {"scrape_interval": "1s", "scrape_timeout": "1s"}, "scrape_configs": jobs}
    (tmp_path / "prometheus.yml").write_text(yaml.safe_dump(config))
    with served(
        program("prometheus", "prometheus"),
        "--config.file=prometheus.yml",
        f"--web.listen-address={address}",
        directory=tmp_path,
        ready=f"http://{address}/-/ready",
    ):
        yield address


def health(address: str) -> dict[str, tuple[str, str]]:
    """Return the health of the target of each job, and its last error."""
    targets = requests.get(f"http://{address}/api/v1/targets", timeout=5).json()["data"]["activeTargets"]
    return {each["labels"]["job"]: (each["health"], each["lastError"]) for each in targets}


def all_known(found: dict[str, tuple[str, str]], jobs: int) -> dict[str, tuple[str, str]]:
    """Return the result after this number of jobs has been scraped."""
    assert len(found) == jobs
    assert "unknown" not in {state for state, _ in found.values()}
    return found


def test_prometheus_scrape_that_lacks_one_requirement_fails(
    authority: Authority, tmp_path: Path, password_file: str
) -> None:
    """There is a job that meets all requirements, and for each requirement one that does not."""
    files = {name: str(authority.directory / name) for name in ("ca.pem", "client.pem", "client.key")}
    certificate = {"cert_file": files["client.pem"], "key_file": files["client.key"]}
    with exporter(authority, {"tls_server_config": MUTUAL} | USERS) as guarded:
        whole: dict[str, Any] = {
            "job_name": "whole",
            "scheme": "https",
            "basic_auth": {"username": USER[0], "password_file": password_file},
            "tls_config": {"ca_file": files["ca.pem"]} | certificate,
            "static_configs": [{"targets": [guarded.url.removeprefix("http://")]}],
        }
        lacking: dict[str, dict[str, Any]] = {
            "password": {"basic_auth": {"username": USER[0], "password": "wrong"}},
            "user": {"basic_auth": None},
            "certificate": {"tls_config": {"ca_file": files["ca.pem"]}},
            "authority": {"tls_config": certificate},
            "tls": {"scheme": "http"},
        }
        jobs = [whole, *(whole | {"job_name": name} | change for name, change in lacking.items())]
        for job in jobs:
            if job["basic_auth"] is None:
                del job["basic_auth"]
        with prometheus(tmp_path, jobs) as address:
            found = eventually(lambda: all_known(health(address), len(jobs)))
            assert found.pop("whole") == ("up", "")
            assert {state for state, _ in found.values()} == {"down"}
            problems = {job: error for job, (_, error) in found.items()}
            assert "401" in problems["password"]
            assert "401" in problems["user"]
            assert "unknown authority" in problems["authority"]


def test_prometheus_scrape_after_a_change_of_certificate_and_password_succeeds(
    authority: Authority, tmp_path: Path
) -> None:
    authority.issue("renewed", "first")
    tls = {"cert_file": "renewed.pem", "key_file": "renewed.key"}
    with exporter(authority, {"tls_server_config": tls}, public_metrics=True) as one:
        job = {
            "job_name": "aircall",
            "scheme": "https",
            "tls_config": {"ca_file": str(authority.directory / "ca.pem")},
            "static_configs": [{"targets": [one.url.removeprefix("http://")]}],
        }
        with prometheus(tmp_path, [job]) as address:
            eventually(lambda: health(address).get("aircall") == ("up", ""))
            authority.issue("renewed", "second")
            content = {"tls_server_config": tls | {"min_version": "TLS13"}} | USERS
            (authority.directory / "web.yml").write_text(yaml.safe_dump(content))
            assert common_name(one, authority) == "second"
            scraped = last_scrape(address)
            eventually(lambda: last_scrape(address) > scraped)
            assert health(address).get("aircall") == ("up", "")


def last_scrape(address: str) -> str:
    targets = requests.get(f"http://{address}/api/v1/targets", timeout=5).json()["data"]["activeTargets"]
    return str(targets[0]["lastScrape"])


def curl(one: Running, scheme: str, *options: str) -> tuple[int, str]:
    """Return curl's exit code, and the status of the response."""
    url = one.url.replace("http://", f"{scheme}://") + "/metrics"
    command = [program("curl", "curl"), "-sS", "-o", "/dev/null", "-w", "%{http_code}", *options, url]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)
    return done.returncode, done.stdout


def test_curl_password_is_required_is_answered_200_only_with_it(authority: Authority) -> None:
    with exporter(authority, USERS) as one:
        assert curl(one, "http") == (0, "401")
        assert curl(one, "http", "-u", f"{USER[0]}:wrong") == (0, "401")
        assert curl(one, "http", "-u", f"{USER[0]}:{PASSWORD}") == (0, "200")
        assert curl(one, "http", "--anyauth", "-u", f"{USER[0]}:{PASSWORD}") == (0, "200")
        assert curl(one, "http", "--digest", "-u", f"{USER[0]}:{PASSWORD}") == (0, "401")


def test_curl_tls_is_required_succeeds_only_with_valid_certificates(authority: Authority) -> None:
    place = authority.directory
    ca = ("--cacert", str(place / "ca.pem"))
    client = ("--cert", str(place / "client.pem"), "--key", str(place / "client.key"))
    with exporter(authority, {"tls_server_config": TLS}) as one:
        assert curl(one, "https", *ca) == (0, "200")
        assert curl(one, "https") == (60, "000")
        assert curl(one, "https", *ca, "--tlsv1.3") == (0, "200")
        assert curl(one, "https", *ca, "--tls-max", "1.1")[0] == 35
        assert curl(one, "http")[0] == 52
    with exporter(authority, {"tls_server_config": MUTUAL}) as one:
        assert curl(one, "https", *ca, *client) == (0, "200")
        assert curl(one, "https", *ca)[0] in (52, 56)
