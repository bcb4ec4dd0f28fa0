"""The history database under ill treatment: many at once, locked, gone, read-only, full, damaged, too new."""

from __future__ import annotations

import multiprocessing
import os
import sqlite3
import subprocess
import traceback
from pathlib import Path

import pytest
from sqlalchemy import text

from loadtest.errors import ConfigurationError, InfrastructureError
from loadtest.history import database
from loadtest.history.database import HEAD, VERSION_TABLE, reading, resolve, writing
from loadtest.history.queries import recent_runs, run_entry
from loadtest.history.record import record_run
from loadtest.history.tables import Base
from tests.support.run_folders import build_run_folder


@pytest.fixture
def file(installation: Path) -> Path:
    return installation / "scratch" / "history.db"


def record_in_process(barrier, runs: Path, run_id: str, url: str | None, failures) -> None:
    try:
        folder = build_run_folder(runs, run_id=run_id)
        barrier.wait()
        record_run(folder, url)
    except Exception as error:
        failures.put(f"{type(error).__name__}: {error}")


def record_at_once(runs: Path, run_ids: list[str], url: str | None) -> list[str]:
    context = multiprocessing.get_context("fork")
    barrier, failures = context.Barrier(len(run_ids)), context.SimpleQueue()
    processes = [context.Process(target=record_in_process, args=(barrier, runs, name, url, failures)) for name in run_ids]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    found = []
    while not failures.empty():
        found.append(failures.get())
    return found


def test_first_use_by_many_processes_at_once_makes_one_database(installation, url):
    names = [f"run-{number}" for number in range(4)]
    assert record_at_once(installation / "runs", names, url) == []
    assert sorted(run.run_id for run in recent_runs(database_url=url)) == names


def test_the_same_run_recorded_by_many_processes_at_once_is_one_run(installation, url):
    assert record_at_once(installation / "runs", ["same"] * 4, url) == []
    assert [run.run_id for run in recent_runs(database_url=url)] == ["same"]
    once = build_run_folder(installation / "other", run_id="once")
    record_run(once, url)
    assert len(run_entry("same", database_url=url).metrics) == len(run_entry("once", database_url=url).metrics)


def test_the_migrations_make_what_the_tables_say(url):
    from alembic.autogenerate import compare_metadata
    from alembic.config import Config
    from alembic.migration import MigrationContext
    from alembic.script import ScriptDirectory

    with reading(url) as session:
        options = {"version_table": VERSION_TABLE, "compare_type": True}
        context = MigrationContext.configure(session.connection(), opts=options)
        ours = [change for change in compare_metadata(context, Base.metadata) if change[0] != "remove_table"]
        assert ours == []
    config = Config()
    config.set_main_option("script_location", str(Path(database.__file__).parent / "migrations"))
    assert ScriptDirectory.from_config(config).get_heads() == [HEAD]


def test_a_block_that_fails_changes_nothing(installation, url):
    folder = build_run_folder(installation / "runs")
    record_run(folder, url)
    with pytest.raises(ZeroDivisionError), writing(url) as session:
        session.execute(text("DELETE FROM loadtest_runs"))
        _ = 1 / 0
    assert len(recent_runs(database_url=url)) == 1


def test_a_database_of_a_later_version_is_left_alone(file, monkeypatch):
    recent_runs()
    with sqlite3.connect(file) as connection:
        connection.execute(f"UPDATE {VERSION_TABLE} SET version_num = '9999'")
    database._migrated.clear()
    with pytest.raises(ConfigurationError, match=r"later version of loadtest \(revision 9999.*upgrade"):
        recent_runs()


def test_a_locked_database_is_said_and_nothing_is_lost(installation, file, monkeypatch):
    monkeypatch.setattr(database, "LOCK_TIMEOUT_S", 0.05)
    folder = build_run_folder(installation / "runs")
    recent_runs()
    holder = sqlite3.connect(file, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    with pytest.raises(InfrastructureError, match="is locked by another process and was not changed"):
        record_run(folder)
    holder.execute("ROLLBACK")
    holder.close()
    record_run(folder)
    assert len(recent_runs()) == 1


def test_a_deleted_database_is_made_anew(installation, file):
    folder = build_run_folder(installation / "runs")
    record_run(folder)
    file.unlink()
    record_run(folder)
    assert len(recent_runs()) == 1


def test_a_damaged_database_names_the_way_back(file):
    file.parent.mkdir(parents=True)
    file.write_bytes(b"this is not a database at all" * 100)
    with pytest.raises(InfrastructureError, match="no database file; move it away and run `loadtest history rebuild`"):
        recent_runs()


def test_a_folder_in_the_way_is_said(file):
    file.mkdir(parents=True)
    with pytest.raises(InfrastructureError, match=r"history\.db cannot be opened"):
        recent_runs()
    (file.parent / "a-file").touch()
    with pytest.raises(InfrastructureError, match="cannot be used"):
        recent_runs(database_url=f"sqlite:///{file.parent}/a-file/history.db")


@pytest.fixture
def small_disk(tmp_path):
    """A disk of one megabyte, which only root can make."""
    place = tmp_path / "disk"
    place.mkdir()
    if os.geteuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", place], check=False).returncode:
        pytest.skip("mounting needs root")
    yield place
    subprocess.run(["umount", "-l", place], check=True)


def test_a_read_only_disk_is_said_and_can_still_be_read(small_disk, installation):
    url = f"sqlite:///{small_disk}/history.db"
    record_run(build_run_folder(installation / "runs"), url)
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    assert len(recent_runs(database_url=url)) == 1
    with pytest.raises(InfrastructureError, match=r"read-only|cannot be opened"):
        record_run(build_run_folder(installation / "runs", run_id="second"), url)
    with pytest.raises(InfrastructureError, match=r"cannot be opened|cannot be used"):
        recent_runs(database_url=f"sqlite:///{small_disk}/new/history.db")


def test_a_full_disk_is_said_and_the_rows_before_it_stay(small_disk, installation):
    url = f"sqlite:///{small_disk}/history.db"
    record_run(build_run_folder(installation / "runs", run_id="first"), url)
    with pytest.raises(InfrastructureError, match=r"disk is full|disk I/O"):
        record_run(build_run_folder(installation / "runs", run_id="large", endpoints=900), url)
    assert [run.run_id for run in recent_runs(database_url=url)] == ["first"]


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("nonsense s3cret", "not a database URL"),
        ("mysql://me:s3cret@host/name", "of kind 'mysql'"),
        ("sqlite://", "names no file"),
        ("sqlite:///:memory:", "names no file"),
        ("postgresql://me:s3cret@host:port/name", "not a database URL"),
    ],
)
def test_a_wrong_url_is_a_sentence_without_the_password(url, sentence):
    with pytest.raises(ConfigurationError, match=sentence) as caught:
        recent_runs(database_url=url)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("query", ["", "?password=s3cret"])
def test_a_server_that_is_not_there_is_a_sentence_without_the_password(query, installation):
    url = f"postgresql://me:s3cret@127.0.0.1:1/history{query}"
    with pytest.raises(InfrastructureError, match=r"history on 127\.0\.0\.1:1 cannot be reached") as caught:
        record_run(build_run_folder(installation / "runs"), url)
    assert "s3cret" not in "".join(traceback.format_exception(caught.value))


def test_a_relative_path_is_below_the_project_whatever_the_working_directory(installation, monkeypatch):
    monkeypatch.chdir("/")
    assert resolve("sqlite:///here/history.db").database == str(installation / "here/history.db")


def test_a_wrong_password_is_a_sentence_that_does_not_hold_it(postgres_server, installation):
    url = postgres_server.url.replace(postgres_server.password, "wr0ng-password")
    with pytest.raises(InfrastructureError, match="refuses the login; check user and password") as caught:
        record_run(build_run_folder(installation / "runs"), url)
    assert "wr0ng-password" not in str(caught.value)


def test_a_database_that_does_not_exist_on_the_server_is_said(postgres_server):
    with pytest.raises(InfrastructureError, match='database "nowhere" does not exist'):
        recent_runs(database_url=postgres_server.url_of("nowhere"))


def test_a_row_locked_on_the_server_is_said_and_nothing_is_lost(postgres_server, installation, monkeypatch):
    import psycopg

    monkeypatch.setattr(database, "LOCK_TIMEOUT_S", 0.05)
    url = postgres_server.create_database()
    folder = build_run_folder(installation / "runs")
    record_run(folder, url)
    with psycopg.connect(url) as holder:
        holder.execute("SELECT * FROM loadtest_runs FOR UPDATE")
        with pytest.raises(InfrastructureError, match="is locked by another process and was not changed"):
            record_run(folder, url)
        holder.rollback()
    record_run(folder, url)
    assert len(recent_runs(database_url=url)) == 1


def test_tables_dropped_under_a_running_process_are_made_anew(postgres_server, installation):
    import psycopg

    url = postgres_server.create_database()
    folder = build_run_folder(installation / "runs")
    record_run(folder, url)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")
    record_run(folder, url)  # the first try fails and looks again, the second one succeeds
    assert len(recent_runs(database_url=url)) == 1


def test_the_history_shares_a_database_with_others_without_touching_them(postgres_server):
    import psycopg

    url = postgres_server.create_database()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE alembic_version (version_num varchar(32))")
        connection.execute("INSERT INTO alembic_version VALUES ('airflows-own')")
        connection.execute("CREATE TABLE runs (id int)")
    assert recent_runs(database_url=url) == []
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [("airflows-own",)]
