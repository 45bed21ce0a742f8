"""A database that is away on demand."""

from sqlalchemy import event
from sqlalchemy.exc import OperationalError

from exporter.archive.store import Archive


class Away(Archive):
    """An archive whose database is away for as long as `away` is set."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.away = False
        event.listen(self._engine, "begin", self._fail)

    def _fail(self, _: object) -> None:
        if self.away:
            raise OperationalError("BEGIN", {}, Exception("nobody there"))
