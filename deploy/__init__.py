"""Generate the manifests for deployment."""
