"""List users and change their availability, over HTTP and on the command line."""
