"""A group of processes is ended as a whole, also when its leader died first."""

import os
import subprocess
import sys

import psutil

from loadtest.processes import ProcessIdentity, stop_group

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
