"""Info families of users and numbers."""

from collections.abc import Iterator

from exporter.account.board import NumberRow, UserRow
from exporter.metrics.family import Family, Sample

USER = Family(
    "aircall_user_info",
    "gauge",
    "A user of the company; the value is 1.",
    ("user_id", "user", "time_zone", "language"),
    group="info",
)
USER_DISPLAY = Family(
    "aircall_user_display_info",
    "gauge",
    "The user's name on dashboards: with the id if several users have the same name; the value is 1.",
    ("user_id", "user", "display_name"),
    group="info",
)
USER_TEAM = Family(
    "aircall_user_team_info",
    "gauge",
    "Membership of a user in a team; the value is 1. Users without a team are in Single Users.",
    ("user_id", "user", "team_id", "team"),
    group="info",
)
USER_NUMBER = Family(
    "aircall_user_number_info",
    "gauge",
    "Assignment of a user to a number; the value is 1.",
    ("user_id", "user", "number_id", "number"),
    group="info",
)
NUMBER = Family(
    "aircall_number_info",
    "gauge",
    "A phone number of the company; the value is 1.",
    ("number_id", "number", "digits", "country", "time_zone"),
    group="info",
)

FAMILIES = (USER, USER_DISPLAY, USER_TEAM, USER_NUMBER, NUMBER)


def user_samples(row: UserRow) -> Iterator[Sample]:
    """Yield a user's details, teams and numbers.

    aircall_user_info{user_id="456",user="John Doe",time_zone="America/New_York",language="en-US"} 1
    aircall_user_display_info{user_id="456",user="John Doe",display_name="John Doe"} 1
    aircall_user_team_info{user_id="456",user="John Doe",team_id="678",team="Global Sales"} 1
    aircall_user_number_info{user_id="456",user="John Doe",number_id="1234",number="French Office"} 1
    """
    yield USER, (*row.user, row.time_zone, row.language), 1
    yield USER_DISPLAY, (*row.user, row.display_name), 1
    for team in row.teams:
        yield USER_TEAM, (*row.user, *team), 1
    for number in row.numbers:
        yield USER_NUMBER, (*row.user, *number), 1


def number_samples(row: NumberRow) -> Iterator[Sample]:
    """Yield a number's details.

    aircall_number_info{number_id="1234",number="French Office",digits="+33 1 76 11 11 11",country="FR",…} 1
    """
    yield NUMBER, (*row.number, row.digits, row.country, row.time_zone), 1
