"""A simulated Aircall account: a call centre that lives on by itself, behind Aircall's HTTP API."""
