"""Simulate an Aircall account: a call centre with calls and users, and Aircall's HTTP API."""
