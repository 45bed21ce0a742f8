"""Model the account as plain data and functions."""
