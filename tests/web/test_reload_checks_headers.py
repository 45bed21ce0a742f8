"""A reload of the web configuration loses no header by accident."""

from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import requests
import structlog
import yaml
from hypothesis import given
from hypothesis import strategies as st

from exporter.config.yaml_file import ConfigError
from exporter.web.config import read_web_config
from exporter.web.config_reloader import WebConfigReloader
from exporter.web.reload_checks import lost_protection
from tests.support.authority import USER, Authority, exporter, written
from tests.support.web_configs import FREE_HEADERS, HEADERS, TWO

VALUES = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=60).map(
    lambda text: text.replace("z", " ").strip() or "z"
)


@pytest.mark.parametrize("flow", [False, True], ids=["block", "flow"])
@given(headers=st.dictionaries(FREE_HEADERS, VALUES, min_size=1), data=st.data())
def test_every_prefix_of_any_headers_is_rejected_or_keeps_them(
    headers: dict[str, str], flow: bool, data: st.DataObject
) -> None:
    whole = yaml.safe_dump({"http_server_config": {"headers": headers}}, default_flow_style=flow, width=40)
    with TemporaryDirectory() as directory:
        old = read_web_config(written(Path(directory), whole))
        path = written(Path(directory), whole[: data.draw(st.integers(0, len(whole)))])
        with suppress(ConfigError):
            new = read_web_config(path)
            assert new.headers == old.headers or lost_protection(old, new)


KEY = "http_server_config.headers"
CHANGES: list[tuple[dict[str, str], dict[str, Any], str | None]] = [
    (HEADERS, {}, KEY),
    (HEADERS, {"http_server_config": {}}, KEY),
    (HEADERS, {"http_server_config": {"http2": False}}, KEY),
    (HEADERS, {"http_server_config": {"headers": {}}}, None),
    *(
        (HEADERS, {"http_server_config": {"headers": HEADERS | change}}, lost)
        for change, lost in [
            ({"X-Frame-Options": "sameorigin"}, None),
            ({"X-Frame-Options": ""}, KEY),
            ({"Content-Security-Policy": "default-src 'none'"}, None),
            ({"Content-Security-Policy": "default-src"}, f"{KEY}.Content-Security-Policy"),
            ({"Strict-Transport-Security": "max-age=3"}, f"{KEY}.Strict-Transport-Security"),
            ({"Strict-Transport-Security": "max-age=63072000"}, None),
        ]
    ),
    *(
        (HEADERS, {"http_server_config": {"headers": {k: v for k, v in HEADERS.items() if k != name}}}, KEY)
        for name in HEADERS
    ),
    ({"X-Frame-Options": "deny"}, {"http_server_config": {"headers": HEADERS}}, None),
    ({"X-Frame-Options": ""}, {}, None),
]


@pytest.mark.parametrize(("before", "after", "lost"), CHANGES)
def test_reload_may_change_and_add_headers_but_not_lose_any(
    tmp_path: Path, before: dict[str, str], after: dict[str, Any], lost: str | None
) -> None:
    web = WebConfigReloader(written(tmp_path, {"http_server_config": {"headers": before}}))
    old = web.config.headers
    with structlog.testing.capture_logs() as logs:
        path = written(tmp_path, after)
        now = web.config.headers
    if lost is None:
        assert now == after.get("http_server_config", {}).get("headers", {})
    else:
        (line,) = logs
        assert (now, line["log_level"]) == (old, "error")
        assert line["problem"].startswith(f"{path}: {lost}: ")


def test_cut_file_keeps_the_headers_of_answers(authority: Authority) -> None:
    whole = yaml.safe_dump(TWO | {"http_server_config": {"headers": HEADERS}}, sort_keys=False)
    with exporter(authority, whole) as instance, structlog.testing.capture_logs():
        lines = whole.splitlines(keepends=True)
        for n in range(len(lines) + 1):
            written(authority.directory, "".join(lines[:n]))
            answered = requests.get(f"{instance.url}/-/healthy", auth=USER, timeout=5)
            assert HEADERS.items() <= answered.headers.items(), lines[:n]
