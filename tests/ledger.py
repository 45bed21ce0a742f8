"""What an exporter must have kept and counted; benches compare the same."""

from bench.shared.ledger import counted, kept, open_calls, outcome, plan, to_be_counted

__all__ = ["counted", "kept", "open_calls", "outcome", "plan", "to_be_counted"]
