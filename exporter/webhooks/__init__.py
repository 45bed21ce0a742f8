"""Receive and process webhook events, and register webhooks with Aircall."""
