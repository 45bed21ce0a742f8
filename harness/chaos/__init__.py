"""A run in which everything around the exporter fails at random, compared call by call with what happened."""
