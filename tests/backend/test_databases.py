"""Databases of runs: made fresh, dropped, and found when forgotten."""

from __future__ import annotations

import subprocess
import sys
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.backend.databases import DATABASE_MARK, create_database, database_url, drop_database, list_orphaned_databases
from loadtest.backend.models import DatabaseRef
from loadtest.errors import ConfigurationError, InfrastructureError
from tests.support.postgres import PostgresServer

JUST_MADE = -60.0  # "older than" a minute from now: everything


@pytest.fixture
def server(postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch) -> PostgresServer:
    monkeypatch.setenv("LOADTEST_SAMPLE_DATABASE_URL", postgres_server.url)
    return postgres_server


def test_a_sqlite_database_goes_with_all_its_files(scratch: Path) -> None:
    ref = create_database("manual__2026-11-23T14:00:00+00:00")
    file = Path(database_url(ref).removeprefix("sqlite:///"))
    for suffix in ("", "-wal", "-shm"):
        file.with_name(file.name + suffix).touch()
    drop_database(ref)
    drop_database(ref)
    assert list(file.parent.iterdir()) == []


def test_a_postgresql_database_is_empty_and_can_be_dropped_in_use(server: PostgresServer) -> None:
    ref = create_database("run-1")
    with closing(psycopg.connect(database_url(ref))) as connection:
        assert connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone() == (0,)
        assert list_orphaned_databases(older_than_s=JUST_MADE) == []  # somebody is connected
        drop_database(ref)
        drop_database(ref)
    assert server.password not in ref.model_dump_json()


def test_orphans_are_the_old_ones_that_nobody_uses(server: PostgresServer, scratch: Path) -> None:
    on_server = create_database("forgotten")
    folder = scratch / "databases"
    folder.mkdir(parents=True)
    name = "loadtest_forgotten_00000001_aaaaaaaa"
    for file in (name, "loadtest_used_00000001_bbbbbbbb", "somebody_elses", "loadtest_no_date"):
        (folder / f"{file}.db").touch()
    (folder / "loadtest_link_00000001_cccccccc.db").symlink_to(folder / "somebody_elses.db")
    code = "print(flush=True); input()"
    environment = {DATABASE_MARK: "loadtest_used_00000001_bbbbbbbb"}
    with subprocess.Popen(
        [sys.executable, "-c", code], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as backend:
        backend.stdout.readline()
        assert [ref.name for ref in list_orphaned_databases()] == [name]  # the one on the server is too young
        assert {ref.name for ref in list_orphaned_databases(older_than_s=JUST_MADE)} == {name, on_server.name}
        backend.communicate(b"\n")
    for ref in (on_server, *list_orphaned_databases()):
        drop_database(ref)
    assert sorted(path.name for path in folder.iterdir()) == [
        "loadtest_link_00000001_cccccccc.db",
        "loadtest_no_date.db",
        "somebody_elses.db",
    ]


@pytest.mark.parametrize(
    "name", ["postgres", "../../etc/passwd", 'loadtest_x"; DROP DATABASE y', "loadtest_a_00000001_aaaaaaaa\n"]
)
def test_only_databases_of_runs_are_dropped(name: str) -> None:
    with pytest.raises(ConfigurationError, match="nothing was dropped"):
        drop_database(DatabaseRef(kind="sqlite", name=name, path="/etc/passwd"))


@given(st.text(max_size=80))
def test_any_run_id_gives_a_droppable_name_that_fits(run_id: str) -> None:
    ref = create_database(run_id)
    assert len(ref.name) <= 63  # PostgreSQL's limit
    drop_database(ref)


def test_a_server_that_is_away_is_one_sentence_without_the_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOADTEST_SAMPLE_DATABASE_URL", "postgresql://me:hunter2@127.0.0.1:1/postgres")
    with pytest.raises(InfrastructureError, match=r"The PostgreSQL server 127\.0\.0\.1:1 did not do as asked") as caught:
        create_database("run-1")
    assert "hunter2" not in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("url", ["mysql://localhost/x", "rubbish"])
def test_another_kind_of_server_is_refused(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOADTEST_SAMPLE_DATABASE_URL", url)
    with pytest.raises(ConfigurationError, match="LOADTEST_SAMPLE_DATABASE_URL"):
        create_database("run-1")


def test_a_database_on_a_server_that_is_not_named_here_is_not_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    ref = DatabaseRef(kind="postgresql", name="loadtest_run_00000001_aaaaaaaa", server="db:5432")
    with pytest.raises(InfrastructureError, match="is on db:5432"):
        drop_database(ref)
