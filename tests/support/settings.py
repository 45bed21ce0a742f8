"""Read and replace settings by their path."""

from collections.abc import Iterator
from typing import Any

import msgspec


def leaves(settings: msgspec.Struct, path: str = "") -> Iterator[str]:
    for name in settings.__struct_fields__:
        value = getattr(settings, name)
        if isinstance(value, msgspec.Struct):
            yield from leaves(value, f"{path}{name}.")
        else:
            yield path + name


def value(settings: Any, path: str) -> Any:
    for name in path.split("."):
        settings = getattr(settings, name)
    return settings


def with_value(settings: Any, path: str, new: Any) -> Any:
    name, _, rest = path.partition(".")
    return msgspec.structs.replace(
        settings, **{name: with_value(getattr(settings, name), rest, new) if rest else new}
    )
