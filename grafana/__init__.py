"""Hold the dashboards and their code."""
