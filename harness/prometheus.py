"""Run a real Prometheus with the scrape jobs of prometheus/prometheus.yml."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml

from harness.addresses import free_address
from harness.servers import served

PROMETHEUS = Path(__file__).resolve().parents[1] / "prometheus"


def repository_config() -> dict[str, Any]:
    """Return the content of prometheus.yml, with the paths of the rules from the root directory."""
    config: dict[str, Any] = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text(encoding="utf-8"))
    config["rule_files"] = [str(PROMETHEUS / path) for path in config["rule_files"]]
    return config


def scrape_jobs(url: str) -> list[dict[str, Any]]:
    """Return the scrape jobs of prometheus.yml for the exporter at `url`, without Prometheus' own job."""
    targets = [{"targets": [url.removeprefix("http://")]}]
    jobs = repository_config()["scrape_configs"]
    return [job | {"static_configs": targets} for job in jobs if job["job_name"] != "prometheus"]


@contextmanager
def prometheus(exporter: str) -> Iterator[str]:
    """Run a Prometheus with the repository's intervals, jobs and rules.

    Args:
        exporter: The URL of the exporter to scrape.

    Returns:
        The URL of the server, once it is ready.
    """
    address = free_address()
    config = repository_config() | {"scrape_configs": scrape_jobs(exporter)}
    del config["alerting"]
    with TemporaryDirectory() as directory:
        (Path(directory) / "prometheus.yml").write_text(yaml.safe_dump(config), encoding="utf-8")
        with served(
            "prometheus",
            "--config.file=prometheus.yml",
            "--storage.tsdb.path=data",
            f"--web.listen-address={address}",
            directory=Path(directory),
            ready=f"http://{address}/-/ready",
        ):
            yield f"http://{address}"
