"""Share code between benchmarks and tests: processes, scrapes, expected counters, PostgreSQL."""
