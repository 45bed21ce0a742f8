"""The call archive: every call that was read, and the counters, kept over restarts."""
