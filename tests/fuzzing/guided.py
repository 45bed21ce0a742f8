"""The same targets under a coverage-guided fuzzer, by hand: it wants atheris, which no test needs.

python -m tests.fuzzing.guided configuration -max_total_time=600
"""

import sys

import atheris

with atheris.instrument_imports(include=["exporter", "yaml"]):
    from tests.fuzzing import targets


def main() -> None:
    """Throw at the target that is named first; everything behind it is libFuzzer's."""
    name = sys.argv.pop(1)
    target = {each.__name__: each for each in targets.TARGETS}[name]
    atheris.Setup(sys.argv, target)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
