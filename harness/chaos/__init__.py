"""Run an exporter with random faults around it, and compare each call with the simulated account."""
