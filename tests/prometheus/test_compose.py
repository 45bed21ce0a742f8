"""The stack's promises that hold without an engine: pinned, locked down, and safe with nothing set."""

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
PINNED = re.compile(r":v?\d+\.\d+(\.\d+)?(-slim)?$")

each_service = pytest.mark.parametrize("name", SERVICES)


def interpolated(text: str, **settings: str) -> str:
    """Fill in ${NAME:-default} as compose does."""
    filled = re.sub(r"(?<!\$)\$\{(\w+):-([^}]*)\}", lambda found: settings.get(found[1]) or found[2], text)
    return filled.replace("$$", "$")


def test_the_stack_is_complete() -> None:
    assert set(SERVICES) == {"exporter", "archive", "prometheus", "alertmanager", "grafana"}


@each_service
def test_images_are_pinned(name: str) -> None:
    if "build" in SERVICES[name]:
        assert all(PINNED.search(base) for base in re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE))
    else:
        assert PINNED.search(SERVICES[name]["image"])


@each_service
def test_services_are_locked_down_and_come_back(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["restart"] == "unless-stopped"
    assert "healthcheck" in service or "HEALTHCHECK" in DOCKERFILE


@each_service
def test_ports_are_open_on_this_machine_only(name: str) -> None:
    for port in SERVICES[name].get("ports", ()):
        assert interpolated(port).startswith("127.0.0.1:")


@each_service
def test_what_is_mounted_exists(name: str) -> None:
    for mount in SERVICES[name]["volumes"]:
        if isinstance(mount, dict):
            source, target, read_only = interpolated(mount["source"]), mount["target"], mount["read_only"]
            assert mount["bind"] == {"create_host_path": False}  # or a path that is wrong becomes a directory
        else:
            source, target, *mode = interpolated(mount).split(":")
            read_only = mode == ["ro"]
        if source.startswith((".", "/")):
            assert (ROOT / source).exists(), source
            assert read_only, target
        else:
            assert source in COMPOSE["volumes"]


def test_every_setting_of_the_stack_is_in_the_example() -> None:
    used = set(re.findall(r"(?<!\$)\$\{(\w+)", (ROOT / "docker-compose.yml").read_text(encoding="utf-8")))
    shown = set(re.findall(r"^#?(\w+)=", (ROOT / ".env.example").read_text(encoding="utf-8"), re.MULTILINE))
    assert used == shown


@pytest.mark.parametrize(
    ("api_id", "arguments"),
    [
        ("", "demo --web.enable-api --web.listen-address=0.0.0.0:9979"),
        ("abc", "--web.listen-address=0.0.0.0:9979 --storage.path=/data"),
    ],
    ids=["simulated-account-without-a-credential", "real-account-with-one"],
)
def test_exporter_runs_on(tmp_path: Path, api_id: str, arguments: str) -> None:
    assert run_in_shell("exporter", tmp_path, "aircall-exporter", AIRCALL_API_ID=api_id) == arguments


def test_a_real_accounts_calls_are_served_only_where_that_is_asked_for(tmp_path: Path) -> None:
    asked = run_in_shell(
        "exporter", tmp_path, "aircall-exporter", AIRCALL_API_ID="a", AIRCALL_ENABLE_API="true"
    )
    assert "--web.enable-api" in asked.split()


@pytest.mark.parametrize("api_id", ["", "abc"])
def test_exporter_takes_users_from_a_file_that_is_mounted(tmp_path: Path, api_id: str) -> None:
    web = tmp_path / "web.yml"
    web.write_text("basic_auth_users: {}\n", encoding="utf-8")
    mounted = {"/etc/aircall-web.yml": str(web)}
    arguments = run_in_shell("exporter", tmp_path, "aircall-exporter", mounted, AIRCALL_API_ID=api_id)
    assert arguments.startswith(f"--web.config.file={web} --web.public-metrics ")


def test_the_archive_is_out_of_reach_from_outside() -> None:
    assert "ports" not in SERVICES["archive"]
    assert SERVICES["archive"]["networks"] == ["archive"]
    assert COMPOSE["networks"]["archive"] == {"internal": True}


@pytest.mark.parametrize("api_id", ["", "abc"])
def test_exporter_reads_the_settings_that_are_mounted(tmp_path: Path, api_id: str) -> None:
    settings = tmp_path / "aircall.yml"
    settings.write_text("sla: 20s\n", encoding="utf-8")
    arguments = run_in_shell(
        "exporter", tmp_path, "aircall-exporter", {"/etc/aircall.yml": str(settings)}, AIRCALL_API_ID=api_id
    )
    assert arguments.startswith(f"--config.file={settings} ")


def test_grafana_never_starts_with_its_well_known_password(tmp_path: Path) -> None:
    def password(given: str) -> str:
        replaced = {"/run.sh": "run.sh $GF_SECURITY_ADMIN_PASSWORD"}
        return run_in_shell("grafana", tmp_path, "run.sh", replaced, GF_SECURITY_ADMIN_PASSWORD=given)

    assert password("from-env-file") == "from-env-file"
    assert len(password("")) == 32
    assert password("") != password("")


@pytest.mark.parametrize(
    ("real", "asked", "anonymous"),
    [("", "", "true"), ("true", "", "false"), ("true", "true", "true"), ("", "false", "false")],
)
def test_boards_of_a_real_account_want_a_password_unless_it_is_asked_otherwise(
    tmp_path: Path, real: str, asked: str, anonymous: str
) -> None:
    assert SERVICES["grafana"]["environment"]["REAL_ACCOUNT"] == "${AIRCALL_API_ID:+true}"
    assert who_sees(tmp_path, real, asked) == anonymous


def test_boards_of_a_real_account_go_on_to_want_one_without_its_credential(tmp_path: Path) -> None:
    assert [who_sees(tmp_path, real) for real in ("", "true", "")] == ["true", "false", "false"]


def who_sees(tmp_path: Path, real: str, asked: str = "") -> str:
    """Whether Grafana starts with anonymous access."""
    replaced = {"/run.sh": "run.sh $GF_AUTH_ANONYMOUS_ENABLED", "/var/lib/grafana": str(tmp_path)}
    settings = {"REAL_ACCOUNT": real, "GF_AUTH_ANONYMOUS_ENABLED": asked}
    return run_in_shell("grafana", tmp_path, "run.sh", replaced, **settings)


def run_in_shell(
    service: str, tmp_path: Path, program: str, replaced: dict[str, str] | None = None, **environment: str
) -> str:
    """Run a service's command with `program` replaced by one that says its arguments."""
    stand_in = tmp_path / program
    stand_in.write_text('#!/bin/sh\necho "$@"\n', encoding="utf-8")
    stand_in.chmod(0o755)
    (script,) = SERVICES[service]["command"]
    for text, instead in (replaced or {}).items():
        script = script.replace(text, instead)
    done = subprocess.run(
        [*SERVICES[service]["entrypoint"], interpolated(script)],
        env={"PATH": f"{tmp_path}:{os.environ['PATH']}", **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def test_the_image_runs_as_nobody_special_and_says_whether_it_is_well() -> None:
    assert re.search(r"^USER [1-9]\d*$", DOCKERFILE, re.MULTILINE)
    assert re.search(r"^HEALTHCHECK .*", DOCKERFILE, re.MULTILINE)
    assert "/-/healthy" in DOCKERFILE
    assert 'ENTRYPOINT ["aircall-exporter"]' in DOCKERFILE
    assert re.search(r"^EXPOSE 9979$", DOCKERFILE, re.MULTILINE)


def test_the_image_is_built_from_what_the_build_context_lets_in() -> None:
    let_in = set(re.findall(r"^!(\S+)", (ROOT / ".dockerignore").read_text(encoding="utf-8"), re.MULTILINE))
    copied = {
        source
        for sources in re.findall(r"^COPY (?!--from)(.*) \S+$", DOCKERFILE, re.MULTILINE)
        for source in sources.split()
    }
    assert copied == let_in
    assert all((ROOT / source).exists() for source in copied)
