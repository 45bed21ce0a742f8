"""Read values from environment variables, and from files that these or the configuration name."""

from collections.abc import Mapping
from pathlib import Path

from exporter.config.safe_values import shown_file
from exporter.config.yaml_file import ConfigError, Origin
from exporter.text import ends_with_line_break

BLANK = "holds nothing but spaces"


def from_environment(name: str, environ: Mapping[str, str], expected: str) -> tuple[str, Origin | None]:
    """Read a variable, or the file that its `_FILE` variant names. An empty variable counts as not set.

    Args:
        name: The variable.
        environ: The environment.
        expected: The expected value, for the error about a blank one.

    Returns:
        The value and its origin, which is `None` if the variable is not set.

    Raises:
        ConfigError: If the value is blank, set twice, or in a file that cannot be read.
    """
    value, file = environ.get(name, ""), environ.get(f"{name}_FILE", "")
    for variable, found, what in ((name, value, expected), (f"{name}_FILE", file, "the name of a file")):
        if found and not found.strip():
            raise ConfigError("environment", variable, f"{BLANK}, expected {what}")
    if value and file:
        raise ConfigError("environment", f"{name}_FILE", f"is set in addition to {name}, expected only one")
    if file:
        return secret_in(file, "environment", f"{name}_FILE")
    return value, Origin("environment", name) if value else None


def secret_in(file: str, source: str, path: str) -> tuple[str, Origin]:
    """Return the content of a file, without spaces and line breaks around it, and its origin.

    Args:
        file: The file's name.
        source: The configuration file, or `environment`.
        path: The key or the variable that names the file.

    Raises ConfigError if the file cannot be read or is empty.
    """
    try:
        text = Path(file).read_text(encoding="utf-8")
    except (OSError, ValueError) as error:  # ValueError: not UTF-8, or an invalid file name
        problem = "not UTF-8 text" if isinstance(error, UnicodeDecodeError) else "no name of a file"
        reason = error.strerror if isinstance(error, OSError) else problem
        raise ConfigError(source, path, f"{shown_file(file)} cannot be read: {reason}") from None
    secret, origin = text.strip(), Origin(source, path, file, ends_with_line_break(text))
    if not secret:
        raise origin.error("is empty, expected the secret in it")
    return secret, origin


MIN_SECRET_LENGTH = 32
"""Minimum number of characters of a secret."""


def key_problem(path: Path) -> str:
    """Return what is wrong with a key file, or ""."""
    try:
        length = len(path.read_text(encoding="utf-8").strip())
    except UnicodeDecodeError:
        return "is not UTF-8 text"
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    return (
        f"holds {length} characters, expected at least {MIN_SECRET_LENGTH}"
        if length < MIN_SECRET_LENGTH
        else ""
    )
