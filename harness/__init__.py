"""Run the exporter against the simulated account, for tests and benchmarks."""
