"""Read YAML files into types, with one-line errors that name the place and the problem."""

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, TypeVar, get_args

import msgspec
import yaml

from exporter.config.safe_values import shown_value
from exporter.durations import Duration, parse_duration

T = TypeVar("T", bound=msgspec.Struct)


@dataclass(frozen=True)
class Messages:
    """Texts for errors: the expected value by key, and the keys whose values are never shown."""

    expected: Mapping[str, str]
    secret: frozenset[str] = frozenset()


NO_TEXTS = Messages({})

MAX_DEPTH = 5
"""Levels of mappings in a valid file, such as `overrides.numbers.NAME.queue_wait.warning`."""


class ConfigError(Exception):
    """An error in a file, as one line: place, value found, value expected.

    `others` are the further errors in the file.
    """

    def __init__(self, source: str, path: str, problem: str) -> None:
        super().__init__(": ".join(part for part in (source, path, problem) if part))
        self.others: tuple[ConfigError, ...] = ()


def raise_all(errors: Sequence[ConfigError]) -> None:
    """Raise the first of these errors, with the others. Does nothing without errors."""
    if errors:
        errors[0].others = tuple(errors[1:])
        raise errors[0]


def read(path: str) -> object:
    """Return the content of a YAML file, or an empty mapping if it is empty. Raises ConfigError."""
    return parse(read_text(path), path)


def read_text(path: str) -> str:
    """Return the text of a file. Raises ConfigError."""
    try:
        return Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(path, "", f"cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigError(path, "", "is not UTF-8 text") from None


def require_regular(path: str) -> None:
    """Raise ConfigError for a pipe or a device: at a reload, reading it could wait forever."""
    file = Path(path)
    if file.exists() and not file.is_file() and not file.is_dir():
        raise ConfigError(path, "", "is a pipe or a device, expected a regular file that can be read again")


def parse(text: str, path: str) -> object:
    """Return the content of the YAML text of the file at `path`, as `read` does. Raises ConfigError."""
    try:
        content = yaml.load(text, Loader=_Loader)  # noqa: S506
        return {} if content is None else content
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise ConfigError(path, where, f"is not valid YAML: {_problem(error)}") from None
    except yaml.YAMLError as error:
        raise ConfigError(path, "", f"is not valid YAML: {' '.join(str(error).split())}") from None
    except RecursionError:
        raise ConfigError(path, "", "is not valid YAML: it is nested too deeply") from None
    except Exception:  # PyYAML raises errors of many types, whose texts contain the value
        problem = "a value looks like a date or number but is invalid; quote it"
        raise ConfigError(path, "", f"is not valid YAML: {problem}") from None


def _problem(error: yaml.MarkedYAMLError) -> str:
    """Return the problem without the value, which may be a token that needs quotes."""
    if isinstance(error, ConfigYamlError):
        return str(error.problem)
    if isinstance(error, yaml.composer.ComposerError | yaml.constructor.ConstructorError):
        return "a value that begins with *, & or ! needs quotes around it"
    return re.sub(r"'[^']{2,}'", "...", str(error.problem or error.context))


class ConfigYamlError(yaml.constructor.ConstructorError):
    """A problem in our own words, which contain no value that could be a secret."""


class _Loader(yaml.SafeLoader):
    """Rejects duplicate keys, of which PyYAML would keep the last, and reads 10:30 as text, not as 630."""

    def int_or_time(self, node: yaml.ScalarNode) -> int | str:
        return node.value if ":" in node.value else self.construct_yaml_int(node)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in seen:
                    raise ConfigYamlError(
                        problem=f"the key {key.value} is there twice", problem_mark=key.start_mark
                    )
                seen.add(key.value)
        return super().construct_mapping(node, deep)


_Loader.add_constructor("tag:yaml.org,2002:int", _Loader.int_or_time)


def _decode(kind: type, value: object) -> object:
    if kind is Duration:
        return parse_duration(value)
    raise NotImplementedError(kind)


def convert(raw: object, kind: type[T], source: str, texts: Messages = NO_TEXTS) -> T:
    """Convert a file's content to a type. Raises ConfigError with the key's path."""
    try:
        return msgspec.convert(raw, kind, dec_hook=_decode)
    except msgspec.ValidationError as error:
        reason, _, place = _with_keys(str(error), raw, kind).partition(" - at `")
        odd_key = place.startswith("key` in ")
        path = place.removeprefix("key` in `").strip("`").removeprefix("$").removeprefix(".")
        if odd_key:
            raise ConfigError(source, path, "has a key that is not text; quote it") from None
        missing = re.search(r"missing required field `(.*)`", reason)
        if missing:
            raise ConfigError(source, f"{path}.{missing[1]}".strip("."), "missing") from None
        unknown = re.search(r"unknown field `(.*)`", reason, re.DOTALL)
        if unknown:
            key = " ".join(unknown[1].split())
            whole = f"{path}.{key}".strip(".")
            raise ConfigError(source, whole, f"unknown key{_similar(kind, key, path)}") from None
        raise ConfigError(source, path, _mismatch(path, _at(raw, path), reason, texts)) from None
    except Exception:  # a text with an unpaired surrogate, or a list that contains itself
        problem = "has a value that cannot be read, expected texts, numbers, lists and mappings"
        raise ConfigError(source, "", problem) from None


def convert_all(raw: object, kind: type[T], source: str, texts: Messages = NO_TEXTS) -> T:
    """Convert as `convert` does, to a type without required fields. The error has those of the other keys."""
    try:
        return convert(raw, kind, source, texts)
    except ConfigError as error:
        raise_all(_errors_in(raw, kind, source, texts))
        raise error from None


def _errors_in(raw: object, kind: type[msgspec.Struct], source: str, texts: Messages) -> list[ConfigError]:
    """Return the error of each key that cannot be converted."""
    try:
        convert(raw, kind, source, texts)
    except ConfigError as error:
        parts = _parts(raw)
        if len(parts) == 1:
            return [error]
        return [each for part in parts for each in _errors_in(part, kind, source, texts)] or [error]
    return []


def _parts(raw: object, depth: int = MAX_DEPTH) -> list[object]:
    """Return mappings with one key each, nested up to `depth` levels, that are `raw` together."""
    if not isinstance(raw, Mapping) or not raw or not depth:
        return [raw]
    return [{key: part} for key, value in raw.items() for part in _parts(value, depth - 1)]


def _with_keys(problem: str, raw: object, kind: type[msgspec.Struct]) -> str:
    """Return msgspec's text with the key in place of each `[...]`, which stands for any key of a mapping.

    Finds the key by converting the mapping with one key at a time.
    """
    if "[...]" not in problem:
        return problem
    path = problem.partition(" - at `")[2].partition("[...]")[0].removeprefix("$").strip(".")
    mapping = _at(raw, path)
    if isinstance(mapping, Mapping):
        for key, value in mapping.items():
            try:
                msgspec.convert(_nested(path, {key: value}), kind, dec_hook=_decode)
            except msgspec.ValidationError as error:
                if "[...]" in str(error):
                    return str(error).replace("[...]", f".{key}", 1)
    return problem


def _nested(path: str, value: object) -> object:
    """Return mappings that hold a value at a path of keys."""
    for step in reversed(path.split(".")):
        value = {step: value}
    return value


_TYPES = {
    "object": "a mapping of keys",
    "array": "a list",
    "str": "text",
    "bool": "true or false",
    "float": "a number",
    "int | str": "a name or an id",
}


def _mismatch(path: str, found: object, reason: str, texts: Messages) -> str:
    match = re.match(r"Expected `([^`]+)`", reason)
    expected = texts.expected.get(path) or (_TYPES.get(match[1], match[1]) if match else reason)
    shown = "something else" if found and _holds_secret(path, texts.secret) else shown_value(found)
    return f"found {shown}, expected {expected}"


def _holds_secret(path: str, secrets: frozenset[str]) -> bool:
    """Return whether the value at `path` is a secret, is part of one, or contains one."""
    return any(
        not path
        or secret == path
        or secret.startswith(f"{path}.")
        or path.startswith((f"{secret}[", f"{secret}."))
        for secret in secrets
    )


def _at(raw: object, path: str) -> object:
    """Return the value at a path such as `teams[0].name`, or None. Keys may contain dots."""
    if not path:
        return raw
    if isinstance(raw, Mapping):
        for key, value in raw.items():
            rest = path.removeprefix(str(key))
            if rest != path and (not rest or rest[0] in ".["):
                return _at(value, rest.removeprefix("."))
    position = re.match(r"\[([0-9]+)\]\.?", path)
    if isinstance(raw, list) and position:
        return _at(raw[int(position[1])], path[position.end() :])
    return None


def _similar(kind: type[msgspec.Struct], key: str, section_path: str) -> str:
    section: type[msgspec.Struct] = kind
    for step in section_path.replace("[", ".").split("."):
        if step in section.__annotations__:  # not the position in a list, nor the key of a mapping
            section = _section(section.__annotations__[step])
    known = _field_names(section)
    close = difflib.get_close_matches(key, known, n=1)
    return f", did you mean {close[0]}?" if close else f"; known here: {', '.join(known)}"


def _section(kind: Any) -> type[msgspec.Struct]:
    """Return the struct in an annotation such as `Struct | None` or `tuple[Struct, ...]`."""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return kind
    return next(_section(inner) for inner in get_args(kind)[::-1] if inner not in (type(None), ...))


def _field_names(section: type[msgspec.Struct]) -> list[str]:
    return [field.name for field in msgspec.structs.fields(section)]


class Origin(NamedTuple):
    """Where a value comes from: a key of a file, an environment variable, or a file named by either."""

    source: str
    key: str
    file: str = ""
    ends_with_line_break: bool = False
    """Whether the file certainly holds the whole value."""

    def error(self, problem: str) -> ConfigError:
        """Return an error that names this origin; `problem` begins with a verb."""
        return ConfigError(
            self.source, self.key, f"found {self.file}, which {problem}" if self.file else problem
        )
