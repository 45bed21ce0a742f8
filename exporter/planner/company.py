"""How large an account is, and what each reading of one that large costs."""

from dataclasses import dataclass

from exporter.config import Settings
from exporter.polling import costs
from exporter.polling.costs import Cost
from exporter.polling.schedule import ENDED_CALLS, SUBSTATUSES


@dataclass(frozen=True)
class Company:
    """How large an account is."""

    users: int
    teams: int
    numbers: int
    calls_per_hour: float

    @property
    def calls_per_second(self) -> float:
        return self.calls_per_hour / 3600


def model(company: Company, settings: Settings) -> dict[str, Cost]:
    """What each reading of a company of this size costs."""
    whole = {name: costs.constant(requests) for name, requests in lists(company, settings).items()}
    per_second = company.calls_per_second
    return {"calls": costs.calls(per_second), ENDED_CALLS: costs.ended_calls(per_second)} | whole


def lists(company: Company, settings: Settings) -> dict[str, int]:
    """Requests for what is always read whole."""
    pages = {
        "availabilities": costs.list_pages(company.users),
        "users": costs.list_pages(company.users),
        "teams": costs.list_pages(company.teams),
        "numbers": costs.list_pages(company.numbers),
        SUBSTATUSES: costs.list_pages(company.users),
    }
    if settings.map_users_to_numbers:
        pages["assignments"] = costs.assignments(company.users, company.numbers)
    return pages
