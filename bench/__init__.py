"""Measurements, run by hand: how fast, and by which index."""
