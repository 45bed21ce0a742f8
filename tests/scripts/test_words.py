"""The check for disallowed words, and the commands that `make check` runs."""

import re
from pathlib import Path

import pytest

from scripts.words import ROOT, check, files, main

WRONG = (
    "The row is built anew.",
    "It is seldom polled.",
    "Of late, it fails.",
    "It waits for ever.",
    "It is requested in vain.",
    "Return so many calls.",
    "It runs beside the poller.",
    "Besides, it counts.",
    "The board is told of calls.",
    "It tells\nof calls.",
    "A restart mends it.",
    "The exporter lifts the archive.",
    "It heeds the limit.",
    "Events that are known by heart.",
    "Whoever asks is served.",
    "Somebody waits.",
    "Everybody is busy.",
    "The user and his team.",
    "An error that nobody foresaw.",
    "A number, none where it is unknown.",
    "Hence it is rejected.",
    "It holds half of a sign.",
    "Control signs are removed.",
    "A list; gives its length.",
    "A call center.",
)
RIGHT = (
    "A sign of life.",
    "The user signs out.",
    "A parameter `sign`, 1 or -1.",
    "A client gives up.",
    "No caller is waiting.",
    "The history of this user.",
    "Recommended: the mending-free path.",
)


@pytest.mark.parametrize("text", WRONG)
def test_check_disallowed_word_is_found_with_its_line_and_replacement(text: str) -> None:
    (finding,) = check(f"First line.\n{text}")
    assert finding.line == 2
    assert finding.instead


@pytest.mark.parametrize("text", RIGHT)
def test_check_correct_text_finds_nothing(text: str) -> None:
    assert not list(check(text))


def test_main_checks_the_files_in_each_place(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("README.md", "Makefile", "exporter/a.py", "docs/b/c.md", "grafana/dashboards/d.json"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("right\nseldom\n", encoding="utf-8")
    (tmp_path / "requirements.lock").write_text("seldom", encoding="utf-8")
    assert main(tmp_path) == 1
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 5
    assert "README.md:2: found 'seldom', expected rarely" in lines


def test_files_include_texts_of_each_kind() -> None:
    names = {str(path.relative_to(ROOT)) for path in files(ROOT)}
    assert {
        "README.md", "CONTRIBUTING.md", "Makefile", ".env.example", "exporter/cli/flags.py", "docs/alerts.md",
        "prometheus/rules/alerts.yml", "grafana/dashboards/aircall-wallboard.json", "deploy/chart.py",
        "deploy/helm/aircall-exporter/templates/_helpers.tpl",
        "deploy/helm/aircall-exporter/templates/NOTES.txt",
    } <= names  # fmt: skip


def commands(target: str) -> list[str]:
    """Return the commands of a target of the Makefile."""
    rule = re.search(rf"^{target}:.*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M)
    assert rule
    return re.findall(r"\$\(BIN\)/(.+)", rule[1])


def test_make_check_runs_every_check() -> None:
    checks = ["ruff check", "ruff format --check", "mypy", "lint-imports --no-cache", "codespell"]
    assert commands("check") == [*checks, "python -m scripts.words"]


def test_pre_commit_runs_make_check() -> None:
    hooks = (ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8")
    assert re.findall(r"entry: (.+)", hooks) == ["make check"]
