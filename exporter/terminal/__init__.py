"""Shared parts of commands: argument types, confirmation, tables and standard streams."""
