"""Run the exporter: its threads, its snapshot and their supervision."""
