"""Describe the errors of a database in one line, with the place, the problem and the remedy.

They do not contain statements and parameters, because these contain callers' numbers.
"""

from sqlalchemy import ExceptionContext
from sqlalchemy.exc import SQLAlchemyError

from exporter.config.database_url import file_of

LOCK_TIMEOUT = "55P03"
"""PostgreSQL's code for a statement that has waited too long for a lock."""


def message(error: SQLAlchemyError) -> str:
    """Return an error in one line: the file of a SQLite database, the problem and, if known, the remedy."""
    cause = getattr(error, "orig", None)
    problem = " ".join(str(cause or error).partition("\nLINE ")[0].split())  # without the statement
    name = _MISSING_COLUMN if "no such column" in problem else code(cause)
    file, remedy = getattr(cause, _FILE, None), _remedy(name)
    return (f"{file}: " if file else "") + problem + (f"; {remedy}" if remedy else "")


def code(cause: object) -> str:
    """Return SQLite's name of an error or the SQLSTATE, or "" for an error of the driver itself."""
    return str(getattr(cause, "sqlite_errorname", None) or getattr(cause, "sqlstate", None) or "")


_RESTORE = "move the file away, or move a backup into its place with mv; the exporter continues with that"
_ACCESS = "the user of this process needs write access to the file and its directory"
_MISSING_COLUMN = "42703"
_REMEDIES = {
    _MISSING_COLUMN: "an older exporter uses this archive; restart it with the version of this command",
    "42501": "the exporter's role must own the tables of the archive, or have more privileges",
    "SQLITE_BUSY": "another process has locked it, such as a SQLite shell or a backup; try again later",
    "SQLITE_CORRUPT": _RESTORE,
    "SQLITE_NOTADB": _RESTORE,
    "SQLITE_CANTOPEN": _ACCESS,
    "SQLITE_READONLY": _ACCESS,
    "SQLITE_FULL": "free space on its disk",
    "SQLITE_IOERR": "check its disk and the log of the system",
    "25006": "the server is a replica, or default_transaction_read_only is on",
    "3F000": "set search_path for the exporter's role to the schema of the archive",
    "57014": "narrow the time range, if there is one; if another session has a lock on the archive's tables,"
    " pg_stat_activity shows it",
    LOCK_TIMEOUT: "another session has a lock on the archive's tables or rows; pg_stat_activity shows it,"
    " mostly in the state `idle in transaction`",
}


def _remedy(name: str) -> str | None:
    """Return the remedy for an error. SQLite's detailed names begin with the general one."""
    return _REMEDIES.get(name) or _REMEDIES.get("_".join(name.split("_")[:2]))


_FILE = "aircall_exporter_file"
"""The attribute of SQLite's errors for the file of the database, which their texts do not name."""


def add_file(context: ExceptionContext) -> None:
    """Note the file in an error of SQLite. A listener of an engine's event `handle_error`."""
    if context.engine is not None:
        setattr(context.original_exception, _FILE, file_of(context.engine.url))
