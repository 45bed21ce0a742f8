"""Serve HTTP, and authenticate clients."""
