"""Generate reference pages from the code, and check texts."""
