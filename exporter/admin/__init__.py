"""The supervisor's side: who is who, and switching a user's status."""
