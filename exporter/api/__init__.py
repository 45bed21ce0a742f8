"""The HTTP API to the kept calls, for other tools."""
