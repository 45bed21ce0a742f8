"""Push the queue to Grafana Live, which streams it to dashboards without a query."""
