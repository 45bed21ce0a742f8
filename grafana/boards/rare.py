"""Panels that may have nothing to show although all is well, and why."""

MAY_BE_EMPTY = {
    ("aircall-exporter", "Requests that failed"): "no request fails where Aircall works",
}
