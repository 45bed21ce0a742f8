"""Render the page that changes a user's availability: a form with two buttons, without scripts."""

import base64
import hashlib
from html import escape

from exporter.account.board import UserRow

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 32rem; margin: 2rem auto; padding: 0 1rem; }
button { font: inherit; padding: .5rem 1rem; margin: 0 .5rem .5rem 0; }
strong { display: block; padding: .5rem 1rem; background: #eee; }
"""

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{name}</title>
<style>{style}</style>
</head>
<body>
<h1>{name}</h1>
{message}<p>{state}. {teams}</p>
<form method="post">
<input type="hidden" name="token" value="{token}">
<button name="availability" value="available">Make available</button>
<button name="availability" value="unavailable">Make unavailable</button>
</form>
<p>A change during a call takes effect after the call. Users on Auto in the phone cannot be switched.</p>
</body>
</html>
"""

_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()

HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; form-action 'self';"
    " base-uri 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
"""These forbid scripts, frames, external resources, and forms to other sites."""

STATES = {
    "available": "Available",
    "offline": "Offline",
    "do_not_disturb": "On do not disturb",
    "in_call": "In a call",
    "after_call_work": "In after-call work",
    "unknown": "State unknown",
}


def switch_page(row: UserRow, token: str, message: str = "") -> str:
    """Return the page of a user on the board; `message` is the result of the last attempt."""
    return _PAGE.format(
        style=_STYLE,
        name=escape(row.user.name),
        message=f"<p><strong>{escape(message)}</strong></p>\n" if message else "",
        state=escape(STATES[row.state]),
        teams=escape(", ".join(team.name for team in row.teams)),
        token=escape(token),
    )
