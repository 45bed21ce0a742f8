"""Events that Aircall pushes: received, worked on, and asked for."""
