"""Clients as people run them, with the options of their own: a real Prometheus, and curl."""

from pathlib import Path

import requests
import yaml

from tests.running import eventually
from tests.stack import free_address, program, served
from tests.web.authority import HASH, MUTUAL, PASSWORD, Authority, exporter


def test_a_real_prometheus_with_all_of_it(authority: Authority, tmp_path: Path) -> None:
    content = {"tls_server_config": MUTUAL, "basic_auth_users": {"prometheus": HASH}}
    with exporter(authority, content) as guarded:
        address = free_address()
        files = {name: str(authority.directory / name) for name in ("ca.pem", "client.pem", "client.key")}
        job = {
            "job_name": "aircall",
            "scheme": "https",
            "basic_auth": {"username": "prometheus", "password": PASSWORD},
            "tls_config": {
                "ca_file": files["ca.pem"],
                "cert_file": files["client.pem"],
                "key_file": files["client.key"],
            },
            "static_configs": [{"targets": [guarded.url.removeprefix("http://")]}],
        }
        config = {"global": {"scrape_interval": "1s", "scrape_timeout": "1s"}, "scrape_configs": [job]}
        (tmp_path / "prometheus.yml").write_text(yaml.safe_dump(config))
        prometheus = served(
            program("prometheus", "prometheus"),
            "--config.file=prometheus.yml",
            f"--web.listen-address={address}",
            directory=tmp_path,
            ready=f"http://{address}/-/ready",
        )

        def up() -> bool:
            answer = requests.get(f"http://{address}/api/v1/query", params={"query": "aircall_up"}, timeout=5)
            return bool(answer.json()["data"]["result"])

        with prometheus:
            eventually(up)
