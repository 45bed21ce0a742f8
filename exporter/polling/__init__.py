"""Poll Aircall: one request at a time, within one request budget."""
