"""Prometheus exporter for Aircall."""

from importlib.metadata import version

__version__ = version("aircall-exporter")
