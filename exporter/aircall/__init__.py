"""Request objects from Aircall's API."""
