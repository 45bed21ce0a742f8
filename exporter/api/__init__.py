"""Serve archived calls to other tools over HTTP."""
