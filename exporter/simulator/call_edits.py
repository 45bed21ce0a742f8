"""Change calls of the simulated account after the conversation: tags, comments and assignments."""

from math import floor

from exporter.simulator.self_service import SelfService


class CallEdits(SelfService):
    """The changes that users make to calls, finished or not."""

    def tag(self, call_id: int, name: str, at: float | None = None) -> None:
        """Tag a call, finished or not."""
        with self._moment(at) as moment:
            self.calls[call_id].tags.append((name, floor(moment)))
            self._notify("call.tagged", self.calls[call_id], moment)

    def untag(self, call_id: int, name: str, at: float | None = None) -> None:
        """Remove a tag from a call."""
        with self._moment(at) as moment:
            call = self.calls[call_id]
            call.tags[:] = [tag for tag in call.tags if tag[0] != name]
            self._notify("call.untagged", call, moment)

    def archive(self, call_id: int, at: float | None = None) -> None:
        """Archive a call that is done, as users do if it needs no more work."""
        with self._moment(at) as moment:
            call = self._in_status(call_id, "done")
            call.archived = True
            self._notify("call.archived", call, moment)

    def comment(self, call_id: int, text: str, at: float | None = None) -> None:
        """Add a comment to a call, finished or not."""
        with self._moment(at) as moment:
            self.calls[call_id].comments.append((text, floor(moment)))
            self._notify("call.commented", self.calls[call_id], moment)

    def assign(self, call_id: int, user_id: int, at: float | None = None) -> None:
        """Assign a call to a user."""
        with self._moment(at) as moment:
            self.calls[call_id].assigned_to = self.users[user_id]
            self._notify("call.assigned", self.calls[call_id], moment)
