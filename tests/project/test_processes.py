"""A group of processes is ended as a whole, also when its leader died first."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from loadtest.processes import Machine, ProcessIdentity, scratch_id, stop_group

ROOT = Path(__file__).resolve().parents[2]
SAY_WHERE = [sys.executable, "-c", "from loadtest.processes import Machine; print(Machine.here().model_dump_json())"]

LEADER = "import subprocess, sys; child = subprocess.Popen(['sleep', '60']); print(child.pid, flush=True); sys.stdin.read()"


def test_what_a_killed_leader_left_is_ended() -> None:
    leader = subprocess.Popen(
        [sys.executable, "-c", LEADER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    assert leader.stdin is not None
    assert leader.stdout is not None
    identity = ProcessIdentity.of(leader.pid)
    child = psutil.Process(int(leader.stdout.readline()))
    leader.kill()
    leader.wait()
    leader.stdin.close()
    leader.stdout.close()
    assert child.is_running()
    assert stop_group(identity)
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE
    assert not stop_group(identity)


def test_another_process_with_that_pid_is_left_alone() -> None:
    with subprocess.Popen(["sleep", "60"], start_new_session=True) as other:
        earlier = ProcessIdentity.of(other.pid).model_copy(update={"start_time": 1.0})
        assert not stop_group(earlier)
        assert other.poll() is None
        assert stop_group(ProcessIdentity.of(other.pid))
    assert not stop_group(ProcessIdentity.of(os.getpid()).model_copy(update={"pid": 1}))


def where(scratch: Path, *before: str) -> Machine:
    """What a process of its own says about its machine; `before`: a command that runs it."""
    environment = os.environ | {"PYTHONPATH": str(ROOT / "plugins"), "LOADTEST_SCRATCH": str(scratch)}
    done = subprocess.run([*before, *SAY_WHERE], env=environment, capture_output=True, text=True, check=True)
    return Machine.model_validate_json(done.stdout)


def test_processes_of_one_scratch_folder_are_on_one_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOADTEST_SCRATCH", str(tmp_path / "one"))
    with ThreadPoolExecutor(4) as threads:  # the first ones there agree on its id
        machines = list(threads.map(lambda _: where(tmp_path / "one"), range(4)))
    assert set(machines) == {Machine.here()}
    assert machines[0].is_here


def test_a_machine_with_the_same_name_is_another_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOADTEST_SCRATCH", str(tmp_path / "one"))
    elsewhere = where(tmp_path / "other")
    assert elsewhere.host == Machine.here().host
    assert not elsewhere.is_here and not elsewhere.shares_scratch


def test_a_container_with_the_same_name_and_scratch_is_another_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOADTEST_SCRATCH", str(tmp_path))
    unshare = ("unshare", "--user", "--map-root-user", "--pid", "--fork", "--mount-proc")
    if subprocess.run([*unshare, "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("this system gives us no pid namespace")
    container = where(tmp_path, *unshare)
    assert (container.host, container.boot_id) == (Machine.here().host, Machine.here().boot_id)
    assert container.shares_scratch and not container.is_here


def test_a_new_name_is_the_same_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOADTEST_SCRATCH", str(tmp_path))
    renamed = Machine.here().model_copy(update={"host": "new-name"})
    assert renamed.is_here
    assert (tmp_path / "machine-id").read_text() == scratch_id()
    assert not renamed.model_copy(update={"boot_id": "before"}).is_here
