"""Examples of each command, for its help."""

EXAMPLES: dict[str, tuple[str, ...]] = {
    "archive": ("archive backup /backups/archive.sqlite",),
    "backfill": (
        "--config.file=aircall.yml backfill --from 30d",
        "backfill --from 2026-04-01 --to 2026-05-01",
    ),
    "call": ("call 2410000426",),
    "call-backs": ("call-backs --team Support", "call-backs --format csv --bom"),
    "calls": (
        "calls --from today --missed",
        'calls --from "last week" --to "last week" --user "Ada Lovelace"',
        "calls --from today --longest 10",
    ),
    "check-config": ("check-config aircall.yml", "check-config --offline aircall.yml"),
    "demo": ("demo", "demo --users 100 --webhooks"),
    "doctor": ("--config.file=aircall.yml doctor", "doctor --format json"),
    "forget": ('forget --dry-run "+33 1 22 33 44 55"', 'forget "+33 1 22 33 44 55"'),
    "init": ("init", "init /etc/aircall.yml"),
    "plan": ("plan --users 100 --calls-per-hour 600",),
    "report": (
        "report --from yesterday --by team --interval 30m",
        "report --period week --by number --format html",
    ),
    "switch": ('switch "Ada Lovelace" unavailable', "switch 456001"),
    "users": ("--config.file=aircall.yml users",),
    "webhook": ("webhook create https://calls.example.com/webhook", "webhook list"),
}
"""By command: what follows the name of the program."""
