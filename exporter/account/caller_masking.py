"""Mask or hide the phone number of a caller, as the setting `caller` says."""

import re

from exporter.config.settings import Caller


def format_caller(raw_digits: str | None, how: Caller) -> str:
    """Return the caller's number as labels show it. `masked` keeps the length and the last three digits."""
    if how == "hidden":
        return "hidden"
    text = raw_digits or "unknown"
    if how == "full" or text in ("anonymous", "unknown"):
        return text
    if not re.fullmatch(r"[-+ ()./0-9]*", text):
        return "***"  # for example a SIP address, any part of which may be a name
    return re.sub(r"[0-9](?=(?:[^0-9]*[0-9]){3})", "*", text)
