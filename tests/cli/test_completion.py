"""Test that a shell completes commands, flags and values, with the script that the exporter prints."""

import shlex
import subprocess
from pathlib import Path

import pytest

from exporter.cli import main

COMPLETE = """
source "$1"; shift
function=$(complete -p aircall-exporter | sed 's/.*-F \\([^ ]*\\).*/\\1/')
COMP_WORDS=("$@"); COMP_CWORD=$(( $# - 1 )); COMPREPLY=()
"$function" aircall-exporter "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
printf '%s\\n' "${COMPREPLY[@]}"
"""
"""Complete the last word of a command line as Bash does when the tab key is pressed."""


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("cal", {"calls", "call", "call-backs"}),
        ("--web.listen-a", {"--web.listen-address"}),
        ("--config.file=x calls --miss", {"--missed"}),
        ("calls --format ''", {"table", "csv", "json", "ndjson", "html"}),
        ("archive ''", {"backup"}),
        ("check-config air", {"aircall.yml"}),
        ("--storage.path da", {"data"}),
    ],
)
def test_bash_completes_the_last_word(
    line: str, expected: set[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "aircall.yml").touch()
    (tmp_path / "data").mkdir()
    with pytest.raises(SystemExit, match="0"):
        main.main(["--print-completion", "bash"])
    (tmp_path / "script").write_text(capsys.readouterr().out)
    words = ["aircall-exporter", *shlex.split(line)]
    completed = subprocess.run(
        ["bash", "-c", COMPLETE, "bash", "./script", *words],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    assert set(completed.stdout.split()) == expected
