"""The command `aircall-exporter plan`: print the polling intervals for a company of a given size."""

import argparse
import math
from collections.abc import Iterator

from msgspec.structs import replace

from exporter.aircall.request_budget import DEFAULT_LIMIT, MIN_BUDGET
from exporter.cli import argtypes
from exporter.cli.exit_codes import ExitCode, UsageError
from exporter.cli.flags import Subparsers, add_command, add_config_flag
from exporter.config.loader import load
from exporter.config.settings import SIMULATED_CREDENTIAL, Settings
from exporter.polling.company import Company
from exporter.polling.plan import Plan, in_words, plan
from exporter.polling.plan_advice import advice
from exporter.polling.schedule import ENDED_CALLS, LIVE

USERS_PER_TEAM, USERS_PER_NUMBER = 12, 16
"""Defaults for companies that do not give their numbers of teams and phone numbers."""

WORDS = {ENDED_CALLS: "ends of calls"}


def add_parser(subparsers: Subparsers) -> None:
    """Add the command, with the flags for the company's size and limit."""
    parser = add_command(subparsers, run, "plan", "estimate poll intervals for a company of some size")
    for name, description in (
        ("users", "users"),
        ("numbers", f"phone numbers (default: one for {USERS_PER_NUMBER} users)"),
        ("teams", f"teams (default: one for {USERS_PER_TEAM} users)"),
    ):
        parser.add_argument(
            f"--{name}", required=name == "users", type=argtypes.count, metavar="N", help=description
        )
    parser.add_argument(
        "--calls-per-hour", required=True, type=argtypes.rate, metavar="N", help="in a busy hour"
    )
    limit = f"the company's limit (default: as configured, else {DEFAULT_LIMIT:g})"
    parser.add_argument("--requests-per-minute", type=argtypes.rate, metavar="N", help=limit)
    share = "our part of it, from 0 to 1 (default: as configured)"
    parser.add_argument("--budget-share", type=argtypes.share, metavar="SHARE", help=share)
    add_config_flag(parser)


def run(arguments: argparse.Namespace) -> ExitCode:
    """Print the plan. Raises ConfigError, and UsageError if the limit is too small for polling."""
    settings = load(arguments.config, SIMULATED_CREDENTIAL)
    aircall = settings.aircall
    if arguments.budget_share is not None:
        settings = replace(settings, aircall=replace(aircall, budget_share=arguments.budget_share))
    configured = DEFAULT_LIMIT if aircall.configured_limit is None else aircall.configured_limit
    limit = configured if arguments.requests_per_minute is None else arguments.requests_per_minute
    if limit * settings.aircall.budget_share < MIN_BUDGET:
        raise UsageError(
            f"--requests-per-minute: found {limit:g}, expected enough to leave us {MIN_BUDGET:g}"
        )
    company = Company(
        arguments.users,
        math.ceil(arguments.users / USERS_PER_TEAM) if arguments.teams is None else arguments.teams,
        math.ceil(arguments.users / USERS_PER_NUMBER) if arguments.numbers is None else arguments.numbers,
        arguments.calls_per_hour,
    )
    _show(plan(company, settings, limit), settings)
    return ExitCode.SUCCESS


def _show(planned: Plan, settings: Settings) -> None:
    from exporter.cli.rich_output import Output, new_table  # noqa: PLC0415 (takes memory)

    console, company = Output(highlight=False), planned.company
    share = settings.aircall.budget_share
    console.print(
        f"{company.users} users, {company.teams} teams, {company.numbers} numbers,"
        f" {company.calls_per_hour:g} calls an hour;"
        f" {planned.limit:g} requests a minute, {share:g} of them ours\n",
        soft_wrap=True,
    )
    table = new_table()
    for column in ("", "requests/min", "every", "asked for", "age on average", "at most"):
        table.add_column(column, justify="right" if column else "left")
    for name in (*LIVE, *(name for name in planned.readings if name not in LIVE)):
        reading = planned.readings[name]
        times = (reading.interval, reading.target, reading.mean_age, reading.worst_age)
        table.add_row(WORDS.get(name, name), f"{reading.requests:.1f}", *map(in_words, times))
    short = planned.late_edits < 0.99 * planned.late_edits_required
    needed = f" of {planned.late_edits_required:.1f}" if short else ""
    table.add_row("late edits", f"{planned.late_edits:.1f}{needed}")
    table.add_row("all", f"{planned.requests:.1f} of {planned.budget:.1f}")
    console.print(table)
    for line in ("", *_moments(planned), *_changes(planned, settings)):
        console.print(line, soft_wrap=True)


def _moments(planned: Plan) -> Iterator[str]:
    yield f"The end of a call is counted {in_words(planned.until_counted)} later, on average."
    if math.isinf(planned.first_board):
        yield "There is no complete board within a day: calls begin faster than they can be read."
        return
    yield f"The first complete board is there {in_words(planned.first_board)} after the start."
    mapped = planned.first_read.get("assignments", math.inf)
    if not math.isinf(mapped):
        yield f"Who answers which number is known after {in_words(mapped)}."


def _changes(planned: Plan, settings: Settings) -> Iterator[str]:
    changes = list(advice(planned, settings))
    if changes:
        yield "\nThe budget is short. What can be done about it, one or the other:"
        yield from (f"- {change}" for change in changes)
