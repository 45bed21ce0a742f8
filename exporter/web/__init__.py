"""What is served over HTTP, and who is let in."""
