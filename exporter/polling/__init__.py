"""What is asked of Aircall next, and when: one request at a time, out of one budget."""
