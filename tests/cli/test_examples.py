"""Test that each command's help has examples, which the command accepts."""

import argparse
import shlex

import pytest

from exporter.cli import flags, main
from exporter.cli.examples import EXAMPLES


@pytest.mark.parametrize(
    ("name", "example"), [(name, each) for name, all_ in EXAMPLES.items() for each in all_]
)
def test_example_is_accepted_by_its_command(name: str, example: str) -> None:
    parsed = main.parser().parse_args(shlex.split(example), argparse.Namespace(**flags.DEFAULTS))
    assert parsed.command == name


@pytest.mark.parametrize("name", EXAMPLES)
def test_help_of_a_command_has_a_description_and_examples(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main.main([name, "--help"])
    shown = capsys.readouterr().out
    assert all(f"\n  aircall-exporter {each}\n" in shown for each in EXAMPLES[name])
    description = shown.split("\n\n")[1]
    assert description.endswith(".")


def test_each_command_has_examples(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main.main(["--help"])
    shown = capsys.readouterr().out
    assert len(EXAMPLES) == len(main.COMMANDS)
    assert all(f"    {name} " in shown for name in EXAMPLES)
