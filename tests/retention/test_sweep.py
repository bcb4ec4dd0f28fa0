"""What goes, what stays, and that nothing outside, running or needed is ever touched."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from upath import UPath

from loadtest.errors import InfrastructureError
from loadtest.history.acknowledgements import accept
from loadtest.history.queries import recent_runs
from loadtest.history.rebuild import rebuild
from loadtest.history.record import record_run
from loadtest.planning.models import Plan
from loadtest.retention.models import DeletionKind, RetentionNote
from loadtest.retention.sweep import carry_out, plan_sweep
from loadtest.run_folder import RunFolder
from tests.support.s3 import BUCKET, s3, s3_server  # noqa: F401 (fixtures)

from .conftest import NOW, age

SMALL = {"plan.json", "metrics.json", "verdict.json", "regression_report.json", "load.json", "summary.md", "junit.xml"}


def names(folder: RunFolder) -> set[str]:
    return {entry.name for entry in folder.path.iterdir()}


def sweep():
    plan = plan_sweep()
    return plan, carry_out(plan)


def test_old_runs_lose_their_bulk_and_keep_what_they_said(make_run, installation):
    old = make_run("old", 100, outcome="pass")
    young = make_run("young", 80, outcome="pass")
    before = names(young)
    plan, result = sweep()
    assert (plan.problems, result.problems) == ((), ())
    assert names(old) == SMALL | {"retention.json"}
    assert names(young) == before
    note = RetentionNote.read(old.path / "retention.json")
    assert {"samples.parquet", "attempts", "data_docs", "report.html", "locust.log", "analysis.json"} == set(note.deleted)
    assert note.size_bytes == result.size_bytes >= 50_000
    rebuild(installation / "runs", database_url=f"sqlite:///{installation}/again.db")
    again = recent_runs(database_url=f"sqlite:///{installation}/again.db")
    assert again == recent_runs()


def test_planning_deletes_nothing_and_a_second_sweep_finds_nothing(make_run):
    old = make_run("old", 100, outcome="pass")
    before = names(old)
    assert plan_sweep().size_bytes > 0
    assert names(old) == before
    sweep()
    age(Path(str(old.path)), 100)
    assert plan_sweep().deletions == ()


def test_each_environment_has_its_own_days(make_run):
    nightly = make_run("nightly", 8, outcome="pass", environment="nightly")
    staging = make_run("staging", 8, outcome="pass")
    gone = make_run("gone", 91, outcome="pass", environment="no-longer-configured")
    sweep()
    assert not nightly.samples.exists()
    assert staging.samples.exists()
    assert not gone.samples.exists()


def test_the_evidence_of_an_open_regression_stays_until_it_is_closed(make_run):
    first = make_run("first", 120, outcome="fail")
    last = make_run("last", 110, outcome="fail")
    confirms = make_run("first-confirm-1", 120, outcome="pass", record=False)
    Plan.read(confirms.plan).model_copy(update={"confirms": "first"}).write(confirms.plan)
    age(Path(str(confirms.path)), 120)
    record_run(confirms)
    plan, _ = sweep()
    assert all(folder.samples.exists() for folder in (first, last, confirms))
    assert {Path(kept.path).name for kept in plan.kept} == {"first", "last", "first-confirm-1"}
    assert all("open regression of GET /api/v1/students/{id}" in kept.reason for kept in plan.kept)
    accept("last", reason="the new level is fine", by="ada")
    sweep()
    assert not any(folder.samples.exists() for folder in (first, last, confirms))


def test_a_run_that_the_history_does_not_know_keeps_everything(make_run):
    unknown = make_run("unknown", 100, outcome="fail", record=False)
    plan, _ = sweep()
    assert unknown.samples.exists()
    assert "history rebuild" in plan.kept[0].reason


def test_without_the_history_nothing_is_swept(make_run, installation, monkeypatch):
    old = make_run("old", 100, outcome="pass")
    monkeypatch.setenv("LOADTEST_DATABASE_URL", "postgresql://me:s3cret@127.0.0.1:1/history")
    with pytest.raises(InfrastructureError):
        plan_sweep()
    assert old.samples.exists()


def test_a_run_in_progress_is_left_alone(make_run, installation):
    from loadtest.load.job import SupervisorRecord, supervisor_file
    from loadtest.processes import ProcessIdentity

    live, fresh = make_run("live", 100, outcome="pass"), make_run("fresh", 100, outcome="pass")
    quiet = make_run("quiet", 100, outcome="pass")
    plan_before = plan_sweep()
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, start_new_session=True)
    try:
        attempt = live.attempt(2)
        identity = ProcessIdentity.of(process.pid)
        record = SupervisorRecord(identity=identity, scratch=str(installation), attempt=2, ends_by_s=NOW.timestamp() + 60)
        record.write(supervisor_file(attempt))
        age(Path(str(live.path)), 100)
        (fresh.path / "progress.json").write_text("{}")
        plan = plan_sweep()
        assert {deletion.run_folder for deletion in plan.deletions} == {str(quiet.path)}
        assert {kept.reason for kept in plan.kept} == {"its load is running", "it changed within the last day"}
        # A load that began after the plan was made stops the deletion as well.
        result = carry_out(plan_before)
        assert live.samples.exists()
        assert any("its load is running" in problem for problem in result.problems)
    finally:
        process.communicate(b"\n")


def test_links_are_never_followed(make_run, installation):
    outside = installation / "outside"
    outside.mkdir()
    (outside / "samples.parquet").write_bytes(b"precious")
    (outside / "locust.log").write_bytes(b"precious")
    linked_file = make_run("linked-file", 100, outcome="pass")
    linked_file.samples.unlink()
    linked_file.samples.symlink_to(outside / "samples.parquet")
    linked_folder = make_run("linked-folder", 100, outcome="pass")
    (linked_folder.data_docs / "index.html").unlink()
    linked_folder.data_docs.rmdir()
    linked_folder.data_docs.symlink_to(outside)
    inside = make_run("link-inside", 100, outcome="pass")
    (inside.data_docs / "link").symlink_to(outside)
    (installation / "runs" / "example" / "staging" / "medium" / "whole").symlink_to(outside)
    (installation / "runs" / "elsewhere").symlink_to(outside)
    age(installation / "runs", 100)
    plan, result = sweep()
    assert {entry.name for entry in outside.iterdir()} == {"samples.parquet", "locust.log"}
    assert linked_file.samples.is_symlink()
    assert sum("links are left alone" in kept.reason for kept in plan.kept) == 2
    assert not inside.data_docs.exists()
    assert result.problems == ()


def test_what_became_a_link_between_plan_and_deletion_is_refused(make_run, installation):
    old = make_run("old", 100, outcome="pass")
    plan = plan_sweep()
    outside = installation / "outside"
    (installation / "runs" / "example").rename(outside)
    (installation / "runs" / "example").symlink_to(outside)
    result = carry_out(plan)
    assert result.deleted == ()
    assert "behind a link" in result.problems[0]
    assert (outside / "staging" / "medium" / old.run_id / "samples.parquet").exists()


def test_a_runs_root_that_is_itself_a_link_is_swept(make_run, installation, monkeypatch):
    real = installation / "real"
    real.mkdir()
    (installation / "linked").symlink_to(real)
    monkeypatch.setenv("LOADTEST_RUNS_ROOT", str(installation / "linked"))
    old = make_run("old", 100, outcome="pass", root=installation / "linked")
    sweep()
    assert not old.samples.exists()


def test_a_plan_cannot_reach_out_of_the_runs_root(make_run, installation):
    make_run("old", 100, outcome="pass")
    precious = installation / "precious"
    precious.write_text("x")
    plan = plan_sweep()
    for path in (str(precious), f"{installation}/runs/../precious", f"{installation}/runs"):
        forged = plan.deletions[0].model_copy(update={"path": path})
        result = carry_out(plan.model_copy(update={"deletions": (forged,)}))
        assert result.deleted == ()
        assert "is not below" in result.problems[0]
    assert precious.exists()


def test_old_refused_requests_go_entirely(make_run, installation):
    old = make_run("refused-old", 100, refused="No such profile.")
    young = make_run("refused-young", 10, refused="No such profile.")
    sweep()
    assert not old.path.exists()
    assert young.path.exists()
    assert len(recent_runs()) == 2


def test_a_damaged_folder_is_said_and_stops_no_other(make_run):
    damaged, old = make_run("damaged", 100, outcome="pass"), make_run("old", 100, outcome="pass")
    damaged.plan.write_text("{")
    age(Path(str(damaged.path)), 100)
    plan, _ = sweep()
    assert damaged.samples.exists()
    assert not old.samples.exists()
    assert "damaged was left alone" in plan.problems[0]


def test_remains_of_interrupted_writes_go(make_run):
    young = make_run("young", 20, outcome="pass")
    (young.path / ".samples.parquet.k3jx0a1b").write_bytes(b"x" * 1000)
    age(Path(str(young.path)), 20)
    _, result = sweep()
    assert [deletion.kind for deletion in result.deleted] == [DeletionKind.REMAINS]
    assert young.samples.exists()


@pytest.fixture
def small_disk(tmp_path):
    place = tmp_path / "disk"
    place.mkdir()
    if os.geteuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "none", place], check=False).returncode:
        pytest.skip("mounting needs root")
    yield place
    subprocess.run(["umount", "-l", place], check=True)


def test_a_full_disk_is_swept_all_the_same(make_run, small_disk, monkeypatch):
    monkeypatch.setenv("LOADTEST_RUNS_ROOT", str(small_disk / "runs"))
    old = make_run("old", 100, outcome="pass", root=small_disk / "runs")
    monkeypatch.setenv("LOADTEST_DATABASE_URL", f"sqlite:///{small_disk}/history.db")
    record_run(old)
    with (small_disk / "filler").open("wb", buffering=0) as stream, pytest.raises(OSError, match="No space"):
        while True:
            stream.write(b"x" * 4096)
    _, result = sweep()
    assert not old.samples.exists()
    assert result.problems == ()


def test_a_read_only_disk_is_a_problem_not_a_crash(make_run, small_disk, monkeypatch):
    monkeypatch.setenv("LOADTEST_RUNS_ROOT", str(small_disk / "runs"))
    old = make_run("old", 100, outcome="pass", root=small_disk / "runs")
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    _, result = sweep()
    assert result.deleted == ()
    assert "could not be deleted" in result.problems[0]
    subprocess.run(["mount", "-o", "remount,rw", small_disk], check=True)
    assert old.samples.exists()


def test_ages_count_from_the_time_given(make_run):
    make_run("young", 30, outcome="pass")
    assert plan_sweep().deletions == ()
    assert plan_sweep(now=NOW + timedelta(days=61)).deletions != ()


def test_runs_in_object_storage_are_swept_and_rebuilt_alike(make_run, installation, monkeypatch, s3):  # noqa: F811
    local = make_run("old", 100, outcome="pass")
    root = UPath(f"s3://{BUCKET}/runs")
    remote = RunFolder.of(root, "example", "staging", "medium", "old")
    for path in Path(str(local.path)).rglob("*"):
        if path.is_file():
            target = remote.path / str(path.relative_to(str(local.path)))
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())
    monkeypatch.setenv("LOADTEST_RUNS_ROOT", str(root))
    url = f"sqlite:///{installation}/remote.db"
    assert rebuild(root, database_url=url).recorded == 1
    plan = plan_sweep(now=NOW + timedelta(days=100))
    result = carry_out(plan)
    assert result.problems == ()
    assert not remote.samples.exists()
    assert not (remote.path / "attempts").exists()
    assert remote.verdict.exists()
    assert RetentionNote.read(remote.path / "retention.json").size_bytes >= 50_000
    assert local.samples.exists()
