"""Read the token of Grafana's service account."""

from exporter.config.environment import secret_in
from exporter.config.settings import GrafanaLive
from exporter.config.yaml_file import ConfigError
from exporter.credentials import secret_problem

KEY = "grafana_live.token_file"


def read_token(live: GrafanaLive, source: str = "") -> str:
    """Return the token in the configured file.

    Args:
        live: The settings, which name the file.
        source: The configuration file, for the error.

    Raises ConfigError, whose text does not contain the token.
    """
    token, origin = secret_in(live.token_file, source, KEY)
    if problem := secret_problem(token):
        raise ConfigError(source, KEY, f"found {origin.file}, which {problem}, expected the token only")
    return token
