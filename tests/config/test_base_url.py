"""Test the host names in the address of the API."""

import re

import msgspec
import pytest

from exporter.config.loader import load
from exporter.config.yaml_file import ConfigError
from tests.support.config_files import CREDENTIAL, WriteFile

VALID_HOSTS = (
    *(
        "api.aircall.io",
        "api.aircall.io.",
        "API.Aircall.io",
        "proxy",
        "my-proxy",
        "my_proxy.internal",
        "1x.io",
    ),
    *(
        "xn--9ca.io",
        "\u00e9.io",
        "a" * 63 + ".io",
        ".".join(["a" * 49] * 5),
        "127.0.0.1",
        "[::1]",
        "192.0.2.1",
    ),
)

BAD_HOSTS = (
    *("-bad-..", "api..aircall.io", ".api.aircall.io", "api.aircall.io..", "..", ".", "-api.io", "api-.io"),
    *("a" * 64 + ".io", "a" * 300, ".".join(["a" * 60] * 5), "\u00e9..io", "\u00e9" * 60 + ".io"),
    *("api,aircall.io", "*.aircall.io", "api.aircall.io,", "api!.io", "'api.aircall.io'", "(api).io"),
)


@pytest.mark.parametrize("host", VALID_HOSTS)
def test_load_address_with_a_valid_host_is_accepted(host: str) -> None:
    address = f"https://{host}:8443"
    assert load(None, CREDENTIAL | {"AIRCALL_BASE_URL": address}).aircall.base_url == address


@pytest.mark.parametrize("rest", ["/?key=SECRET99", "/#SECRET99", "@SECRET99"])
def test_load_address_with_a_part_that_may_be_secret_does_not_show_it(rest: str) -> None:
    with pytest.raises(ConfigError) as rejected:
        load(None, CREDENTIAL | {"AIRCALL_BASE_URL": f"https://api.example.com{rest}"})
    assert "found an address, expected" in str(rejected.value)
    assert "SECRET99" not in str(rejected.value)


@pytest.mark.parametrize("host", BAD_HOSTS)
def test_load_address_with_a_host_that_is_not_valid_is_refused_in_one_line(
    file: WriteFile, host: str
) -> None:
    path = file(msgspec.yaml.encode({"aircall": {"base_url": f"https://{host}/"}}).decode())
    for source, environ in ((path, {}), (None, {"AIRCALL_BASE_URL": f"https://{host}"})):
        with pytest.raises(ConfigError) as rejected:
            load(source, CREDENTIAL | environ)
        assert re.match(
            f"{source}: aircall.base_url: " if source else "environment: AIRCALL_BASE_URL: ",
            str(rejected.value),
        )
        assert "such as " in str(rejected.value)
        assert "\n" not in str(rejected.value)
