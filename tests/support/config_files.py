"""Configuration files that tests write."""

from collections.abc import Callable

CREDENTIAL = {"AIRCALL_API_ID": "id", "AIRCALL_API_TOKEN": "token"}
WriteFile = Callable[[str], str]
