"""Run a target under atheris, a fuzzer that is guided by coverage. It is installed by hand.

python -m tests.fuzzing.guided configuration -max_total_time=600
"""

import sys

import atheris  # type: ignore[import-untyped]  # it has no types

with atheris.instrument_imports(include=["exporter", "yaml"]):
    from tests.fuzzing import targets


def main() -> None:
    """Fuzz the target that is named first. libFuzzer receives all other arguments."""
    name = sys.argv.pop(1)
    target = {each.__name__: each for each in targets.TARGETS}[name]
    atheris.Setup(sys.argv, target)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
