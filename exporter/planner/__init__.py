"""Planning: how often a company's data can be polled, given its size and rate limit."""
