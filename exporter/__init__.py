"""Prometheus exporter for Aircall."""
