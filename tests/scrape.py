"""The samples of one scrape; benches use them as well."""

from bench.shared.scrape import Labels, Scrape

__all__ = ["Labels", "Scrape"]
