"""Judge what an account provides: a result for each check, and the remedy."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

import msgspec

from exporter.aircall.errors import CREDENTIAL_REJECTED, ApiError, CredentialError
from exporter.aircall.events import EVENTS, OTHER_EVENTS
from exporter.aircall.request_budget import RequestBudget
from exporter.aircall.server_clock import AGREEMENT_S
from exporter.cli.account_survey import Listed, Survey
from exporter.config.settings import Aircall, Settings
from exporter.webhooks.registration import SUBSCRIBED_EVENTS

MAX_SHOWN = 20
"""Maximum number of names that a check shows."""

MAX_LENGTH = 60
"""Maximum number of characters of a name that a check shows."""

_UPDATE = "update the exporter, or report the names to its maintainers; the exporter ignores them"


class Check(msgspec.Struct, frozen=True):
    """One check and its result. `remedy` is "" if there is nothing to do."""

    check: str
    result: Literal["ok", "warning", "problem"]
    detail: str
    remedy: str = ""


def credential(survey: Survey) -> Check:
    """Check whether Aircall accepts the credential."""
    users = survey.lists["users"]
    if isinstance(users, CredentialError):
        return Check("credential", "problem", CREDENTIAL_REJECTED, "create a key in Aircall's dashboard")
    if isinstance(users, ApiError):
        return Check("credential", "problem", str(users), "check the network, the proxy and aircall.base_url")
    return Check("credential", "ok", "accepted")


def lists(survey: Survey) -> Iterator[Check]:
    """Check whether each list can be fetched and decoded."""
    for name, found in survey.lists.items():
        if isinstance(found, CredentialError):
            yield Check(name, "problem", str(found), "ask Aircall whether the key may read this list")
        elif isinstance(found, ApiError):
            yield Check(name, "problem", str(found), "try again; see Aircall's status page")
        elif found.malformed:
            detail = f"{found.malformed} of {found.malformed + len(found.items)} objects cannot be decoded"
            yield Check(name, "warning", detail, _UPDATE)
        else:
            yield Check(name, "ok", f"{len(found.items)} fetched and decoded")


def users_api(survey: Survey) -> Iterator[Check]:
    """Check which version of the users' endpoints the account has, and whether it has substatuses."""
    if not survey.users_version:
        return
    if survey.users_version == "v1":
        yield Check("users API", "warning", "v1, which Aircall retires", "ask Aircall for its API v2")
        missing = "v1 has none"
    else:
        yield Check("users API", "ok", "v2")
        missing = "no user has one"
    users = survey.items("users")
    count = sum(user.substatus is not None for user in users)
    if count:
        yield Check("substatuses", "ok", f"{count} of {len(users)} users have one")
    else:
        yield Check(
            "substatuses", "warning", missing, "ask Aircall for substatuses; the other figures need none"
        )


def rate_limit(budget: RequestBudget, aircall: Aircall) -> Check:
    """Check the announced rate limit, and how much of it is left."""
    left = "" if budget.remaining is None else f", {budget.remaining} left in this minute"
    ours = budget.limit * aircall.budget_share
    share = f"{budget.limit:g} requests per minute, {ours:g} for the exporter{left}"
    if not budget.is_announced:
        return Check("rate limit", "ok", f"not announced by Aircall: {share}")
    configured = aircall.configured_limit
    if configured is not None and configured > budget.limit:
        remedy = (
            f"found aircall.requests_per_minute: {configured:g}, expected auto or at most {budget.limit:g}"
        )
        return Check("rate limit", "warning", f"announced: {share}", remedy)
    if budget.remaining == 0:
        remedy = "reduce the requests of other integrations, or aircall.budget_share"
        return Check("rate limit", "warning", f"announced: {share}", remedy)
    return Check("rate limit", "ok", f"announced: {share}")


def clock(ahead: float | None) -> Check:
    """Check this machine's clock, of which Aircall's is `ahead` by this many seconds, if that is known."""
    if ahead is None:
        return Check("clock", "warning", "Aircall sent no usable Date", "check the clock by hand")
    if abs(ahead) <= AGREEMENT_S:
        return Check("clock", "ok", f"within {max(1.0, abs(ahead)):.0f} s of Aircall's")
    detail = f"{abs(ahead):.0f} s {'behind' if ahead > 0 else 'ahead of'} Aircall's"
    return Check("clock", "problem", detail, "synchronise this machine's clock, such as by NTP")


def webhook(survey: Survey, settings: Settings) -> Iterator[Check]:
    """Check whether an active webhook of the company sends events to this exporter."""
    if not isinstance(survey.lists.get("webhooks"), Listed):
        return
    registered, tokens = survey.items("webhooks"), settings.webhook.tokens
    ours = [each for each in registered if each.is_ours(tokens)]
    found = f"{len(registered)} of the company, {len(ours)} of this exporter"
    if active := [each for each in ours if each.active]:
        wanted, sent = _without_version(SUBSCRIBED_EVENTS), _without_version(active[0].events)
        if sent and (missing := sorted(wanted - sent)):
            remedy = (
                "create another one with `aircall-exporter webhook create --new URL`, then delete this one"
            )
            yield Check("webhook", "warning", f"{found}, active, without {_shown(missing)}", remedy)
        else:
            yield Check("webhook", "ok", f"{found}, active")
    elif ours:
        yield Check("webhook", "problem", f"{found}, deactivated", "activate it in Aircall's dashboard")
    elif tokens:
        remedy = "create one with `aircall-exporter webhook create URL`, or remove webhook.token"
        yield Check("webhook", "problem", f"{found}, and a webhook.token is configured", remedy)
    else:
        yield Check("webhook", "ok", f"{found}: the exporter only polls")


def timelines(survey: Survey) -> Iterator[Check]:
    """Check whether calls have timelines, which only companies on Smartflows have."""
    if isinstance(survey.lists.get("calls"), Listed):
        calls = survey.items("calls")
        count = sum(call.has_timeline for call in calls)
        yield Check("call timelines", "ok", f"{count} of the latest {len(calls)} calls have one (Smartflows)")


def unknown_names(survey: Survey) -> Iterator[Check]:
    """Check for fields of objects, and for events of webhooks, that this version does not know."""
    fetched = {name: found for name, found in survey.lists.items() if isinstance(found, Listed)}
    if not fetched:
        return
    yield _unknown("fields", (f"{name}: {each}" for name, found in fetched.items() for each in found.unknown))
    events = _without_version(each for webhook in survey.items("webhooks") for each in webhook.events)
    yield _unknown("events", events.difference(EVENTS, OTHER_EVENTS))


def _without_version(events: Iterable[str]) -> set[str]:
    return {event.removesuffix(".v2") for event in events}


def _unknown(check: str, names: Iterable[str]) -> Check:
    found = sorted(names)
    if not found:
        return Check(check, "ok", "all known")
    return Check(check, "warning", f"not known to this version: {_shown(found)}", _UPDATE)


def _shown(names: Sequence[str]) -> str:
    more = f" and {len(names) - MAX_SHOWN} more" if len(names) > MAX_SHOWN else ""
    return ", ".join(name[:MAX_LENGTH] for name in names[:MAX_SHOWN]) + more
