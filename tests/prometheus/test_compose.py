"""docker-compose.yml and the Dockerfile: pinned, locked down, and safe without any setting."""

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
    """Replace ${NAME:-default} as Docker Compose does."""
    replaced = re.sub(r"(?<!\$)\$\{(\w+):-([^}]*)\}", lambda found: settings.get(found[1]) or found[2], text)
    return replaced.replace("$$", "$")


def test_compose_has_all_services() -> None:
    assert set(SERVICES) == {"exporter", "archive", "prometheus", "alertmanager", "grafana"}


@each_service
def test_compose_image_is_pinned(name: str) -> None:
    if "build" in SERVICES[name]:
        bases = re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)
        assert bases
        assert all(PINNED.search(base) for base in bases)
    else:
        assert PINNED.search(SERVICES[name]["image"])


@each_service
def test_compose_service_is_locked_down_and_restarts(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["restart"] == "unless-stopped"
    assert "healthcheck" in service or "HEALTHCHECK" in DOCKERFILE


@each_service
def test_compose_ports_are_published_on_localhost_only(name: str) -> None:
    for port in SERVICES[name].get("ports", ()):
        assert interpolated(port).startswith("127.0.0.1:")


@each_service
def test_compose_mounts_exist(name: str) -> None:
    for mount in SERVICES[name]["volumes"]:
        if isinstance(mount, dict):
            source, target, read_only = interpolated(mount["source"]), mount["target"], mount["read_only"]
            assert mount["bind"] == {
                "create_host_path": False
            }  # otherwise a missing path becomes a directory
        else:
            source, target, *mode = interpolated(mount).split(":")
            read_only = mode == ["ro"]
        if source.startswith((".", "/")):
            assert (ROOT / source).exists(), source
            assert read_only, target
        else:
            assert source in COMPOSE["volumes"]


def test_env_example_lists_every_variable_of_the_stack() -> None:
    used = set(re.findall(r"(?<!\$)\$\{(\w+)", (ROOT / "docker-compose.yml").read_text(encoding="utf-8")))
    listed = set(re.findall(r"^#?(\w+)=", (ROOT / ".env.example").read_text(encoding="utf-8"), re.MULTILINE))
    assert used == listed


@pytest.mark.parametrize(
    ("api_id", "arguments"),
    [
        ("", "demo --web.enable-api --web.listen-address=0.0.0.0:9979"),
        ("abc", "--web.listen-address=0.0.0.0:9979 --storage.path=/data"),
    ],
    ids=["simulated account without a credential", "real account with a credential"],
)
def test_exporter_command_depends_on_the_credential(tmp_path: Path, api_id: str, arguments: str) -> None:
    assert run_in_shell("exporter", tmp_path, "aircall-exporter", AIRCALL_API_ID=api_id) == arguments


def test_exporter_command_serves_calls_of_a_real_account_on_request(tmp_path: Path) -> None:
    arguments = run_in_shell(
        "exporter", tmp_path, "aircall-exporter", AIRCALL_API_ID="a", AIRCALL_ENABLE_API="true"
    )
    assert "--web.enable-api" in arguments.split()


@pytest.mark.parametrize("api_id", ["", "abc"])
def test_exporter_command_uses_a_mounted_web_configuration(tmp_path: Path, api_id: str) -> None:
    web = tmp_path / "web.yml"
    web.write_text("basic_auth_users: {}\n", encoding="utf-8")
    mounted = {"/etc/aircall-web.yml": str(web)}
    arguments = run_in_shell("exporter", tmp_path, "aircall-exporter", mounted, AIRCALL_API_ID=api_id)
    assert arguments.startswith(f"--web.config.file={web} --web.public-metrics ")


def test_archive_service_is_not_reachable_from_outside() -> None:
    assert "ports" not in SERVICES["archive"]
    assert SERVICES["archive"]["networks"] == ["archive"]
    assert COMPOSE["networks"]["archive"] == {"internal": True}


@pytest.mark.parametrize("api_id", ["", "abc"])
def test_exporter_command_uses_a_mounted_configuration(tmp_path: Path, api_id: str) -> None:
    settings = tmp_path / "aircall.yml"
    settings.write_text("sla: 20s\n", encoding="utf-8")
    arguments = run_in_shell(
        "exporter", tmp_path, "aircall-exporter", {"/etc/aircall.yml": str(settings)}, AIRCALL_API_ID=api_id
    )
    assert arguments.startswith(f"--config.file={settings} ")


def test_grafana_command_without_a_password_generates_one(tmp_path: Path) -> None:
    def password(setting: str) -> str:
        replaced = {"/run.sh": "run.sh $GF_SECURITY_ADMIN_PASSWORD"}
        return run_in_shell("grafana", tmp_path, "run.sh", replaced, GF_SECURITY_ADMIN_PASSWORD=setting)

    assert password("from-env-file") == "from-env-file"
    assert len(password("")) == 32
    assert password("") != password("")


@pytest.mark.parametrize(
    ("real", "setting", "anonymous"),
    [("", "", "true"), ("true", "", "false"), ("true", "true", "true"), ("", "false", "false")],
)
def test_grafana_command_for_a_real_account_requires_sign_in_by_default(
    tmp_path: Path, real: str, setting: str, anonymous: str
) -> None:
    assert SERVICES["grafana"]["environment"]["REAL_ACCOUNT"] == "${AIRCALL_API_ID:+true}"
    assert anonymous_access(tmp_path, real, setting) == anonymous


def test_grafana_command_without_the_earlier_credential_still_requires_sign_in(tmp_path: Path) -> None:
    assert [anonymous_access(tmp_path, real) for real in ("", "true", "")] == ["true", "false", "false"]


def anonymous_access(tmp_path: Path, real: str, setting: str = "") -> str:
    """Return "true" if Grafana starts with anonymous access, and "false" if not."""
    replaced = {"/run.sh": "run.sh $GF_AUTH_ANONYMOUS_ENABLED", "/var/lib/grafana": str(tmp_path)}
    settings = {"REAL_ACCOUNT": real, "GF_AUTH_ANONYMOUS_ENABLED": setting}
    return run_in_shell("grafana", tmp_path, "run.sh", replaced, **settings)


def test_grafana_writes_the_token_to_the_volume_from_which_the_exporter_reads_it() -> None:
    mounts = {
        service: next(each for each in SERVICES[service]["volumes"] if str(each).startswith("grafana-live:"))
        for service in ("exporter", "grafana")
    }
    token_file = SERVICES["exporter"]["environment"]["AIRCALL_GRAFANA_LIVE_TOKEN_FILE"]
    assert mounts["exporter"] == f"grafana-live:{Path(token_file).parent}:ro"
    script = (ROOT / "grafana" / "live-token.sh").read_text(encoding="utf-8")
    assert f"shared={mounts['grafana'].partition(':')[2]}\n" in script
    assert f"$shared/{Path(token_file).name}" in script
    assert f"install -d -o 472 {Path(token_file).parent} " in DOCKERFILE  # the owner of a new volume
    (command,) = SERVICES["grafana"]["command"]
    path = re.findall(r"sh (/\S+\.sh)", command)
    assert f"./grafana/live-token.sh:{path[0]}:ro" in SERVICES["grafana"]["volumes"]


def run_in_shell(
    service: str, tmp_path: Path, program: str, replacements: dict[str, str] | None = None, **environment: str
) -> str:
    """Run a service's command with `program` replaced by one that prints its arguments. Returns them."""
    stand_in = tmp_path / program
    stand_in.write_text('#!/bin/sh\necho "$@"\n', encoding="utf-8")
    stand_in.chmod(0o755)
    (script,) = SERVICES[service]["command"]
    for text, instead in (replacements or {}).items():
        script = script.replace(text, instead)
    done = subprocess.run(
        [*SERVICES[service]["entrypoint"], interpolated(script)],
        env={"PATH": f"{tmp_path}:{os.environ['PATH']}", **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def test_image_runs_without_root_and_has_a_health_check() -> None:
    assert re.search(r"^USER [1-9]\d*$", DOCKERFILE, re.MULTILINE)
    assert re.search(r"^HEALTHCHECK .*", DOCKERFILE, re.MULTILINE)
    assert "/-/healthy" in DOCKERFILE
    assert 'ENTRYPOINT ["aircall-exporter"]' in DOCKERFILE
    assert re.search(r"^EXPOSE 9979$", DOCKERFILE, re.MULTILINE)


def test_image_copies_exactly_the_build_context() -> None:
    included = set(re.findall(r"^!(\S+)", (ROOT / ".dockerignore").read_text(encoding="utf-8"), re.MULTILINE))
    copied = {
        source
        for sources in re.findall(r"^COPY (?!--from)(.*) \S+$", DOCKERFILE, re.MULTILINE)
        for source in sources.split()
    }
    assert copied == included
    assert all((ROOT / source).exists() for source in copied)
