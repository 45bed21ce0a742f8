"""Define the names of users, teams and numbers."""

from typing import NamedTuple

PEOPLE = (
    "Camille Lefèvre",
    "James Whitfield",
    'Siobhán "Shiv" O\'Neill',
    "Mateusz Wójcik",
    "Anna Schmidt",
    "Lucas Moreau",
    "Priya Raghunathan",
    "نور الدين الفاسي",
    "Hannah Becker",
    "Diego Fernández",
    "Zoë Müller 🎧",
    "Olivia Hartley",
    "Thomas Girard",
    "Aylin Yıldız",
    "Ben Okafor",
    "Sofia Rossi",
    "Anna Schmidt",
    "Marek Dvořák",
    "Chloé Dubois",
    "Nikos Papadopoulos",
    "Ingrid Sørensen",
    "Rafael Costa",
    "Emily Clarke",
    "Vera Martin",
)
"""The first users, with one name twice, and names with quotes, emoji and right-to-left text."""

FIRST_NAMES = (
    "Adam", "Alice", "Amelia", "Antoine", "Beatriz", "Bruno", "Carla", "Clara", "Daniel", "David",
    "Elena", "Elias", "Emma", "Eva", "Felix", "Florian", "Gabriel", "Giulia", "Grace", "Hugo",
    "Inès", "Isabel", "Jakob", "Jeanne", "Julia", "Karim", "Laura", "Léa", "Leon", "Louise", "Luca",
    "Lukas", "Manon", "Marco", "Maria", "Marta", "Max", "Mia", "Nadia", "Nina", "Noah", "Oscar",
    "Paul", "Paula", "Pedro", "Rosa", "Ruth", "Samuel", "Sara", "Simon", "Tom", "Valentina",
    "Victor", "Yasmin",
)  # fmt: skip
LAST_NAMES = (
    "Andersen", "Barbieri", "Bauer", "Bernard", "Blanc", "Brandt", "Carvalho", "Cooper", "Delgado",
    "Dupont", "Ferrari", "Fischer", "Fontaine", "García", "Gibson", "Gómez", "Graham", "Haddad",
    "Hansen", "Hughes", "Ivanova", "Jensen", "Keller", "Khan", "Kowalski", "Lambert", "Lindqvist",
    "López", "Mancini", "Marchand", "Marin", "Marshall", "Meyer", "Murphy", "Neumann", "Novák",
    "Okoye", "Patel", "Pereira", "Perrin", "Petit", "Price", "Richter", "Romano", "Roux", "Ruiz",
    "Santos", "Schulz", "Silva", "Torres", "Vidal", "Wagner", "Walsh", "Weber",
)  # fmt: skip

TEAMS = ("Support", "Sales", "Billing", "Onboarding")
CITIES = (
    "Paris", "London", "Madrid", "Berlin", "Dublin", "Lyon", "Manchester", "Barcelona", "Munich",
    "Boston", "Lille", "Leeds", "Valencia", "Hamburg", "Chicago", "Nantes", "Bristol", "Seville",
    "Cologne", "Austin", "Toulouse", "Glasgow", "Bilbao", "Leipzig", "Denver",
)  # fmt: skip
TAGS = (
    "Billing question",
    "Bug report",
    "Connected",
    "Callback",
    "Complaint",
    "Demo booked",
    "Order status",
    "VIP",
)
MENU = (("Sales", "1"), ("Support", "2"), ("Billing", "3"))
"""Title and key of each option of a menu."""
SUBMENU = (("New order", "1"), ("Existing order", "2"))
COMMENTS = (
    "Will call back tomorrow morning.",
    "Invoice sent again by e-mail.",
    "Asked for a refund, see ticket.",
    "Très satisfait, souhaite une démo.",
    "Wrong number.",
)


class Country(NamedTuple):
    """A country with offices or customers."""

    code: str
    time_zone: str
    language: str
    office: str
    """The digits of an office's number without the last four."""
    customer: str
    """The digits of a customer's number without the last four."""


COUNTRIES = {
    country.code: country
    for country in (
        Country("FR", "Europe/Paris", "fr-FR", "+33 1 99 00", "+33 6 39 98"),
        Country("GB", "Europe/London", "en-GB", "+44 20 7946", "+44 7700 90"),
        Country("DE", "Europe/Berlin", "de-DE", "+49 30 2312", "+49 171 392"),
        Country("ES", "Europe/Madrid", "es-ES", "+34 91 555", "+34 612 34"),
        Country("US", "America/New_York", "en-US", "+1 212 555", "+1 646 555"),
    )
}


class Line(NamedTuple):
    """A phone number's name and properties."""

    name: str
    country: str
    is_ivr: bool = False
    greeting_s: float = 0
    """Seconds of the welcome message."""
    opening: tuple[float, float] | None = None
    """Opening hours in company time, None if always open."""
    popularity: float = 1.0
    """Calls per assigned user, relative to other numbers."""


LINES = (
    Line("Support Hotline", "FR", is_ivr=True, popularity=2.2),
    Line("French Office", "FR", opening=(8, 19)),
    Line("US Sales Line", "US", opening=(15, 24), popularity=0.15),
    Line("UK Office", "GB", opening=(9, 19)),
    Line("Billing Desk", "DE", is_ivr=True, opening=(8, 18)),
    Line("Spanish Onboarding", "ES", opening=(9, 18), popularity=0.7),
)
