"""Planning: what a company of a given size can have for its requests, without asking Aircall anything."""
