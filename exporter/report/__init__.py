"""Reports of archived calls by interval: the figures of the boards for any time range."""
