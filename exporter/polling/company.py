"""The size of a company, and how many requests its datasets cost."""

from dataclasses import dataclass

from exporter.config.settings import Settings
from exporter.polling import costs
from exporter.polling.costs import Cost
from exporter.polling.schedule import ENDED_CALLS, SUBSTATUSES


@dataclass(frozen=True)
class Company:
    """The size of a company."""

    users: int
    teams: int
    numbers: int
    calls_per_hour: float

    @property
    def calls_per_second(self) -> float:
        """The average number of calls that begin in a second."""
        return self.calls_per_hour / 3600


def model(company: Company, settings: Settings) -> dict[str, Cost]:
    """Return the cost of each dataset of a company of this size."""
    whole = {name: costs.constant(requests) for name, requests in lists(company, settings).items()}
    per_second = company.calls_per_second
    return {"calls": costs.calls(per_second), ENDED_CALLS: costs.ended_calls(per_second)} | whole


def lists(company: Company, settings: Settings) -> dict[str, int]:
    """Return the requests for each dataset that is always fetched completely."""
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
