"""The commands of `aircall-exporter`, each in a module of its name."""
