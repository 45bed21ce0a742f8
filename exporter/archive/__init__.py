"""Archive all calls and counters in a database."""
