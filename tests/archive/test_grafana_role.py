"""Test that Grafana's database user may read the archive and change nothing."""

import subprocess
from pathlib import Path

import pytest
from sqlalchemy import URL, create_engine, make_url
from sqlalchemy.exc import ProgrammingError

from exporter.archive.store import Archive
from harness.board_sql import asked, filled, statement, variable_queries
from harness.postgres import Postgres

SCRIPT = Path(__file__).resolve().parents[2] / "grafana" / "archive-reader.sql"


def create_reader(url: URL) -> None:
    """Create the role of Grafana, as its script does."""
    psql = [
        "psql",
        f"--host={url.host}",
        f"--port={url.port}",
        f"--username={url.username}",
        f"--dbname={url.database}",
        "--no-psqlrc",
        f"--file={SCRIPT}",
    ]
    environment = {"ARCHIVE_READER_PASSWORD": "o'clock", "PATH": "/usr/bin:/bin"}
    subprocess.run(psql, env=environment, check=True, capture_output=True)


def test_grafana_role_reads_the_archive_and_can_change_nothing(postgres_server: Postgres) -> None:
    for name in ("another", "read"):
        url = make_url(postgres_server.database(name))
        create_reader(url)
    archive = Archive(url.render_as_string(hide_password=False))
    archive.load()
    with archive._engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM state WHERE name = 'views'")
    archive.load()  # which replaces the views
    engine = create_engine(url.set(username="aircall_reader", password="o'clock"))
    with engine.connect() as connection:
        chosen = {"user": "Ada", "team": "Sales", "tag": "VIP", "caller": "+33 1", "text": "refund"}
        for title in ("Calls", "What matches"):
            asked(connection, filled(statement(title), (0, 1), chosen))
        for _, query in variable_queries():
            asked(connection, query)
        assert asked(connection, "SHOW random_page_cost") == [{"random_page_cost": "1.1"}]
        assert asked(connection, "SHOW enable_seqscan") == [{"enable_seqscan": "off"}]
    for change in (
        "DELETE FROM calls",
        "UPDATE totals SET value = 0",
        "INSERT INTO state VALUES ('a', 'b')",
        "DROP TABLE calls",
        "CREATE TABLE mine (id int)",
        "SELECT pg_read_file('/etc/passwd')",
    ):
        with engine.begin() as connection, pytest.raises(ProgrammingError):
            connection.exec_driver_sql("SET TRANSACTION READ WRITE")
            connection.exec_driver_sql(change)
    engine.dispose()
