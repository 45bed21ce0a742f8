"""Turn snapshots into metric families and responses."""
