"""The spellings of substatuses that occur at Aircall, as a plain table."""

NORMALISED = {
    "always_open": "always_open",
    "always_opened": "always_open",
    "always_closed": "always_closed",
    "Out for lunch": "out_for_lunch",
    "out_for_lunch": "out_for_lunch",
    "On a break": "on_a_break",
    "on_a_break": "on_a_break",
    "doing_back_office": "back_office",
    "Back office": "back_office",
    "back_office": "back_office",
    "In training": "in_training",
    "in_training": "in_training",
    "Other": "other",
    "other": "other",
}
"""The exporter's spelling of each, which its labels have."""
