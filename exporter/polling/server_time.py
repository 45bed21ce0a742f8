"""Estimate Aircall's time from the `Date` header, this machine's clock and the fetched calls."""

from exporter.account.account import Account
from exporter.aircall.server_clock import ServerClock
from exporter.clock import Clocks


class ServerTime:
    """Keeps the account's estimate of Aircall's time current."""

    def __init__(self, account: Account, clocks: Clocks) -> None:
        self.clock = ServerClock(lambda: clocks.wall_ahead)
        self._account, self._steady = account, clocks.steady

    def update(self) -> None:
        """Pass the starts of fetched calls to the clock, and its estimate to the account."""
        if self._account.new_starts:
            self.clock.calls_began(self._account.new_starts, self._steady())
            self._account.new_starts.clear()
        self._account.server_ahead = self.clock.ahead
        self._account.clocks_agree = self.clock.agree
        self._account.follows_date = self.clock.follows_date

    def observe(self, date: float, sent: float, received: float) -> None:
        """Take in the `Date` header (UNIX seconds) of an answer. `sent` and `received` are on our clock."""
        self.clock.observe(date, sent, received)
        self.update()

    def confirmed_now(self) -> float | None:
        """Return Aircall's time (UNIX seconds) by the `Date` header, None until several answers agree on it.

        May be called by any thread.
        """
        ahead = self.clock.confirmed_ahead
        return None if ahead is None else self._steady() + ahead
