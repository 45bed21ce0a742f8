"""A PostgreSQL server of the tests' own; benches use one as well."""

from bench.shared.postgres import Postgres, end_sessions, postgres

__all__ = ["Postgres", "end_sessions", "postgres"]
