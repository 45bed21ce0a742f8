"""An archive whose database is unavailable on demand."""

from sqlalchemy import event
from sqlalchemy.exc import OperationalError

from exporter.archive.store import Archive


class UnavailableArchive(Archive):
    """An archive whose database is unavailable while `unavailable` is set."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.unavailable = False
        event.listen(self._engine, "begin", self._fail)

    def _fail(self, _: object) -> None:
        if self.unavailable:
            raise OperationalError("BEGIN", {}, Exception("unavailable"))
