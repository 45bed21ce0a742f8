"""HTTP API to archived calls, for other tools."""
