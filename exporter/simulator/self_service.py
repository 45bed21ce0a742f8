"""Let callers of the simulated account choose in menus and talk to AI voice agents."""

from exporter.simulator.account_events import AccountEvent
from exporter.simulator.models import AiAgentSession, IvrOption, SimulatedCall
from exporter.simulator.number_edits import NumberEdits


class SelfService(NumberEdits):
    """What happens in waiting calls before they reach users."""

    def select_option(self, call_id: int, title: str, key: str, at: float | None = None) -> None:
        """Let the caller of a waiting call press a key in a menu. Without Smartflows, it is not recorded."""
        if not self.smartflows:
            return
        with self._moment(at) as moment:
            call = self._unanswered(call_id)
            begin = call.ivr_options[-1].ended_at if call.ivr_options else call.started_at
            branch = f"option_{key}"
            call.ivr_options.append(IvrOption(title, key, branch, begin, self._not_before(begin, moment)))
            self._notify("call.ivr_option_selected", call, moment)

    def start_ai_agent(self, call_id: int, at: float | None = None) -> None:
        """Let an AI agent talk to the caller of a waiting call.

        If the account's `ai_answers` is true, this answers the call, which has no user.
        """
        with self._moment(at) as moment:
            call = self._unanswered(call_id)
            if call.direction == "outbound" or call.ai_agent is not None:
                raise ValueError(f"call {call_id} is outbound, or already with an AI agent")
            session = AiAgentSession(self._not_before(call.started_at, moment))
            call.ai_agents.append(session)
            if self.ai_answers:
                call.answered_at = call.answered_at or session.started_at
            self._notify_of_ai_agent("started", call, session, moment)
            if self.ai_answers:
                self._notify("call.answered", call, moment)

    def escalate_ai_agent(self, call_id: int, at: float | None = None) -> None:
        """Let the AI agent pass the caller on to users."""
        with self._moment(at) as moment:
            call, session = self._with_ai_agent(call_id)
            self._not_before(session.started_at, moment)
            session.escalated = True
            self._notify_of_ai_agent("escalated", call, session, moment)
            self._end_session(call, session, moment)

    def end_ai_agent(self, call_id: int, at: float | None = None) -> None:
        """End a call that the AI agent has handled without users."""
        with self._moment(at) as moment:
            call, session = self._with_ai_agent(call_id)
            self._end_session(call, session, moment)
            self._notify_of_ai_agent("summary", call, session, moment)
            self._end(call, moment)

    def _end(self, call: SimulatedCall, at: float) -> None:
        """End a call, and before it the session of an AI agent if the caller hangs up during one."""
        if call.ai_agent is not None:
            self._end_session(call, call.ai_agent, at)
        super()._end(call, at)

    def _end_session(self, call: SimulatedCall, session: AiAgentSession, at: float) -> None:
        session.ended_at = self._not_before(session.started_at, at)
        self._notify_of_ai_agent("ended", call, session, at)

    def _with_ai_agent(self, call_id: int) -> tuple[SimulatedCall, AiAgentSession]:
        call = self.calls[call_id]
        if call.ai_agent is None:
            raise ValueError(f"call {call_id} is not with an AI agent")
        return call, call.ai_agent

    def _notify_of_ai_agent(self, step: str, call: SimulatedCall, session: AiAgentSession, at: float) -> None:
        for listener in self.listeners:
            listener(AccountEvent(f"ai_voice_agent.{step}", at, call, ai_agent=session))
