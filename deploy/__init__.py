"""Package and render the Helm chart."""
