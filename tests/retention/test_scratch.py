"""What interrupted runs left on this machine: only what is old, unused and ours goes."""

from __future__ import annotations

import fcntl
import subprocess
import sys
import time
from pathlib import Path

import pytest

from loadtest.retention.models import DeletionKind
from loadtest.retention.sweep import carry_out, plan_sweep

from .conftest import age


@pytest.fixture
def scratch(installation: Path) -> Path:
    for run, days in (("stale", 10), ("recent", 2)):
        attempt = installation / "scratch" / "loads" / run / "1"
        attempt.mkdir(parents=True)
        (attempt / "streams.bin").write_bytes(b"x" * 5000)
        age(attempt.parent, days)
    return installation / "scratch"


def test_stale_loads_go_and_recent_ones_stay(scratch):
    result = carry_out(plan_sweep())
    assert not (scratch / "loads" / "stale").exists()
    assert (scratch / "loads" / "recent" / "1" / "streams.bin").exists()
    assert result.problems == ()


def test_packages_that_no_load_used_for_a_month_go(scratch):
    for name, days in (("old", 40), ("used", 10)):
        (scratch / "packages" / name).mkdir(parents=True)
        (scratch / "packages" / name / "faker.py").write_text("")
        age(scratch / "packages" / name, days)
    carry_out(plan_sweep())
    assert not (scratch / "packages" / "old").exists()
    assert (scratch / "packages" / "used" / "faker.py").exists()


def test_a_folder_in_which_a_process_works_stays(scratch):
    place = scratch / "loads" / "stale" / "1"
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, cwd=place)
    try:
        assert plan_sweep().deletions == ()
    finally:
        process.communicate(b"\n")


def test_links_in_scratch_are_left_alone(scratch, installation):
    outside = installation / "outside"
    outside.mkdir()
    (outside / "precious").write_text("x")
    (scratch / "loads" / "link").symlink_to(outside)
    (scratch / "loads" / "stale" / "2").symlink_to(outside)
    age(installation, 10)
    carry_out(plan_sweep())
    assert (outside / "precious").exists()


def test_old_logs_of_backends_go(scratch):
    (scratch / "logs").mkdir()
    for name, days in (("a.backend.log", 10), ("b.backend.log", 1), ("notes.txt", 10)):
        (scratch / "logs" / name).write_text("x")
        age(scratch / "logs" / name, days)
    carry_out(plan_sweep())
    assert {entry.name for entry in (scratch / "logs").iterdir()} == {"b.backend.log", "notes.txt"}


def test_lock_files_go_when_old_and_free(scratch, installation):
    alerts = installation / "runs" / "_alerts" / "example"
    alerts.mkdir(parents=True)
    held, free, recent = (alerts / f"{name}.lock" for name in ("held", "free", "recent"))
    for path, days in ((held, 30), (free, 30), (recent, 1)):
        path.touch()
        age(path, days)
    with held.open("rb") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        result = carry_out(plan_sweep())
    assert [Path(deletion.path).name for deletion in result.deleted if deletion.kind is DeletionKind.LOCK] == ["free.lock"]
    assert held.exists()
    assert recent.exists()


def test_orphaned_sample_databases_go(scratch):
    folder = scratch / "databases"
    folder.mkdir()
    long_ago, now = int(time.time()) - 3 * 86_400, int(time.time())
    orphan, fresh, other = (
        folder / f"loadtest_some_run_{long_ago:08x}_0badcafe.db",
        folder / f"loadtest_some_run_{now:08x}_0badcafe.db",
        folder / "history.db",
    )
    for path in (orphan, fresh, other):
        path.write_bytes(b"x" * 100)
    carry_out(plan_sweep())
    assert {entry.name for entry in folder.iterdir()} == {fresh.name, other.name}


def test_a_database_server_that_is_away_is_a_problem_and_stops_nothing_else(scratch, monkeypatch):
    monkeypatch.setenv("LOADTEST_SAMPLE_DATABASE_URL", "postgresql://me:s3cret@127.0.0.1:1/postgres")
    plan = plan_sweep()
    carry_out(plan)
    assert "127.0.0.1:1" in plan.problems[0]
    assert "s3cret" not in plan.problems[0]
    assert not (scratch / "loads" / "stale").exists()


def test_candidates_for_a_baseline_and_the_history_are_never_scratch(scratch, installation):
    candidate = scratch / "candidates" / "example" / "staging-medium.json"
    candidate.parent.mkdir(parents=True)
    candidate.write_text("{}")
    age(scratch, 400)
    carry_out(plan_sweep())
    assert candidate.exists()
    assert (scratch / "history.db").exists()


def test_orphaned_databases_of_a_server_go_and_others_stay(scratch, postgres_server, monkeypatch):
    import psycopg

    monkeypatch.setenv("LOADTEST_SAMPLE_DATABASE_URL", postgres_server.url)
    long_ago = int(time.time()) - 3 * 86_400
    names = {f"loadtest_gone_{long_ago:08x}_0badcafe", f"loadtest_used_{long_ago:08x}_0badcafe", "loadtest_history", "other"}
    with psycopg.connect(postgres_server.url, autocommit=True) as connection:
        for name in names:
            connection.execute(f'CREATE DATABASE "{name}"')
        with psycopg.connect(postgres_server.url_of(f"loadtest_used_{long_ago:08x}_0badcafe")):
            plan = plan_sweep()
            assert carry_out(plan).problems == ()
        left = {row[0] for row in connection.execute("SELECT datname FROM pg_database")}
        assert names - left == {f"loadtest_gone_{long_ago:08x}_0badcafe"}
        assert postgres_server.password not in plan.model_dump_json()
        for name in names & left:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
