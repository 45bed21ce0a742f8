"""The exporter as a process of its own; benches run it as well."""

from bench.shared.process import COMMAND, Process, credential, process, run

__all__ = ["COMMAND", "Process", "credential", "process", "run"]
