"""Headers that every answer carries."""

import requests

from tests.support.authority import HASH, PASSWORD, Authority, exporter


def test_headers(authority: Authority) -> None:
    headers = {"X-Frame-Options": "deny", "Strict-Transport-Security": "max-age=31536000"}
    blank = {"X-Content-Type-Options": ""}
    content = {"http_server_config": {"headers": headers | blank}, "basic_auth_users": {"prometheus": HASH}}
    with exporter(authority, content) as framed:
        for password, status in ((PASSWORD, 200), ("wrong", 401)):
            answer = requests.get(f"{framed.url}/-/healthy", auth=("prometheus", password), timeout=5)
            assert answer.status_code == status
            assert headers.items() <= answer.headers.items()
            assert not blank.keys() & answer.headers.keys()
