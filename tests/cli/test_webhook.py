"""Test the command `webhook`: its requests to Aircall, and that it prints no token."""

import re
import stat
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from exporter.cli.main import main
from exporter.simulator.faults import Fault, answer
from exporter.simulator.server import SimulatedAircall
from exporter.simulator.simulation import SimulatedAccount
from exporter.simulator.webhooks import SimulatedWebhook
from exporter.webhooks.registration import NAME, SUBSCRIBED_EVENTS
from harness.process import credential

URL = "https://calls.example.com/webhook"
Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def aircall() -> Iterator[SimulatedAircall]:
    account = SimulatedAccount(users=1, calls_per_hour=0, start=time.time())
    with SimulatedAircall(account, rate_limit=600) as aircall:
        aircall.webhooks.add(
            SimulatedWebhook("https://hooks.example.org/secret-path?key=x", custom_name="Else")
        )
        yield aircall


@pytest.fixture
def webhook(
    aircall: SimulatedAircall,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Command:
    """Run the command in an empty directory. Returns exit code, output and errors."""
    for name, value in credential(aircall).items():
        monkeypatch.setenv(name, value)

    def command(*arguments: str, config: str = "", flags: Sequence[str] = ()) -> tuple[int, str, str]:
        (tmp_path / "aircall.yml").write_text(config)
        files = (f"--storage.path={tmp_path}", f"--config.file={tmp_path}/aircall.yml")
        code = main([*files, *flags, "webhook", *arguments])
        output, errors = capsys.readouterr()
        assert not any(hook.token in output + errors for hook in aircall.webhooks.hooks.values())
        return code, output, errors

    return command


def own_webhooks(aircall: SimulatedAircall) -> list[SimulatedWebhook]:
    return [hook for hook in aircall.webhooks.hooks.values() if hook.url == URL]


def test_webhook_create_stores_the_token(webhook: Command, aircall: SimulatedAircall, tmp_path: Path) -> None:
    code, output, _ = webhook("create", URL)
    created = own_webhooks(aircall)[0]
    file = tmp_path / "webhook.token"
    assert code == 0
    assert created.events == SUBSCRIBED_EVENTS
    assert file.read_text() == f"{created.token}\n"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [each.name for each in tmp_path.iterdir() if "token" in each.name] == [file.name]
    config = re.search(r"webhook:\n  token_file: .*\n", output)
    assert config
    code, output, _ = webhook("list", config=config[0])
    assert code == 0
    lines = {line.split()[0]: line for line in output.splitlines()}
    assert re.search(rf"{URL} +yes +{len(SUBSCRIBED_EVENTS)} +yes", lines[created.id])


def test_webhook_list_hides_addresses_of_other_integrations(
    webhook: Command, aircall: SimulatedAircall
) -> None:
    aircall.webhooks.add(SimulatedWebhook("https://[no-address", custom_name="Odd"))
    _, output, _ = webhook("list")
    assert "Odd" in output
    assert "https://hooks.example.org/…" in output
    assert "secret-path" not in output


def test_webhook_create_repeated_stores_two_tokens_and_leaves_no_webhook_without(
    webhook: Command, aircall: SimulatedAircall, tmp_path: Path
) -> None:
    for times in (1, 2):
        assert webhook("create", URL, "--new")[0] == 0
        tokens = [hook.token for hook in own_webhooks(aircall)]
        assert (tmp_path / "webhook.token").read_text().split() == tokens[::-1]
        assert len(tokens) == times
    first = own_webhooks(aircall)[0].id
    for url, *flags in ((URL, "--new"), ("https://other.example.com/webhook",)):
        code, _, errors = webhook("create", url, *flags)
        assert (code, len(aircall.webhooks.hooks)) == (4, 3)
        assert f"would replace that of webhook {first}; delete that webhook first" in errors
    code, output, _ = webhook("list")
    assert len(re.findall(r"yes +\d+ +yes", output)) == 2
    assert (webhook("delete", first)[0], len(own_webhooks(aircall))) == (0, 1)
    assert webhook("create", URL, "--new")[0] == 0
    assert (tmp_path / "webhook.token").read_text().split() == [
        hook.token for hook in own_webhooks(aircall)[::-1]
    ]


def test_webhook_list_without_any_says_so(webhook: Command, aircall: SimulatedAircall) -> None:
    aircall.webhooks.hooks.clear()
    assert webhook("list") == (0, "", "aircall-exporter: webhook: the company has no webhooks\n")


def test_webhook_create_finds_the_existing_one_and_stores_its_token(
    webhook: Command, aircall: SimulatedAircall, tmp_path: Path
) -> None:
    assert webhook("create", URL)[0] == 0
    (only,) = own_webhooks(aircall)
    (tmp_path / "webhook.token").unlink()
    for _ in range(2):
        code, output, _ = webhook("create", URL)
        assert code == 0
        assert f"already (webhook {only.id})" in output
        assert own_webhooks(aircall) == [only]
        assert (tmp_path / "webhook.token").read_text() == f"{only.token}\n"


def test_webhook_create_during_a_rotation_changes_nothing(
    webhook: Command, aircall: SimulatedAircall, tmp_path: Path
) -> None:
    for flags in ((), ("--new",)):
        assert webhook("create", URL, *flags)[0] == 0
    before = (tmp_path / "webhook.token").read_text()
    code, output, _ = webhook("create", URL)
    assert (code, (tmp_path / "webhook.token").read_text()) == (0, before)
    assert "already" in output
    assert len(own_webhooks(aircall)) == 2


def test_webhook_of_another_tool_for_the_same_address_is_left_alone(
    webhook: Command, aircall: SimulatedAircall
) -> None:
    aircall.webhooks.add(SimulatedWebhook(URL, custom_name="Else", events=("user.created",)))
    assert webhook("create", URL)[0] == 0
    assert len(own_webhooks(aircall)) == 2


def test_webhook_create_for_one_that_aircall_has_deactivated_says_so(
    webhook: Command, aircall: SimulatedAircall, tmp_path: Path
) -> None:
    aircall.webhooks.add(SimulatedWebhook(URL, custom_name=NAME, active=False))
    code, _, errors = webhook("create", URL)
    assert (code, len(own_webhooks(aircall))) == (4, 1)
    assert "Aircall has deactivated webhook" in errors
    assert not (tmp_path / "webhook.token").exists()


def test_webhook_delete_of_an_unknown_or_foreign_webhook_is_rejected(
    webhook: Command, aircall: SimulatedAircall
) -> None:
    foreign = next(iter(aircall.webhooks.hooks))
    for id_, expected in ((foreign, 4), ("nothing", 3), ("../users", 3)):
        code, output, errors = webhook("delete", id_)
        assert (code, output) == (expected, "")
        assert len(errors.splitlines()) == 1
    assert foreign in aircall.webhooks.hooks


@pytest.mark.parametrize(
    "url",
    [
        "http://calls.example.com/webhook",
        "https://calls..example.com/webhook",
        "calls.example.com",
        "https://me:secret@example.com/webhook",
        "ftp://x/",
        "https://calls.example.com/hooks",
    ],
)
def test_webhook_create_with_an_invalid_address_is_rejected(
    webhook: Command, aircall: SimulatedAircall, url: str
) -> None:
    code, _, errors = webhook("create", url)
    assert code == 2
    assert "expected" in errors
    assert not own_webhooks(aircall)


@pytest.mark.parametrize(
    "flag", ["--web.external-url=https://monitoring.example.com/aircall/", "--web.route-prefix=aircall"]
)
def test_webhook_create_behind_a_proxy_requires_the_prefix(
    webhook: Command, aircall: SimulatedAircall, flag: str
) -> None:
    code, _, errors = webhook("create", URL, flags=[flag])
    assert (code, own_webhooks(aircall)) == (2, [])
    assert "expected a path that ends in /aircall/webhook," in errors
    assert webhook("create", "https://calls.example.com/aircall/webhook", flags=[flag])[0] == 0


def test_webhook_create_without_a_writable_token_file_creates_none(
    webhook: Command, aircall: SimulatedAircall, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    code, _, errors = webhook("create", URL, f"--token-file={tmp_path}/file/token")
    assert code == 2
    assert "cannot be written" in errors
    assert not own_webhooks(aircall)


@pytest.mark.parametrize(("status", "error"), [(403, "rejects the credential"), (500, "answered 500")])
def test_webhook_create_that_aircall_rejects_prints_one_line(
    webhook: Command, aircall: SimulatedAircall, status: int, error: str
) -> None:
    aircall.faults.append(Fault(lambda path: path == "/v1/webhooks", answer(status)))
    code, _, errors = webhook("create", URL)
    assert code == 1
    assert error in errors
    assert len(errors.splitlines()) == 1
