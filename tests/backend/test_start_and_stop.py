"""Starting and stopping backends: the sample one, strangers', broken ones; retries; nothing left behind."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import psutil
import pytest

from loadtest.backend.databases import list_orphaned_databases
from loadtest.backend.health import check_health
from loadtest.backend.models import BackendState
from loadtest.backend.start import start_backend
from loadtest.backend.stop import stop_backend
from loadtest.errors import ConfigurationError, InfrastructureError
from loadtest.planning.models import Plan
from loadtest.processes import SCRATCH_ID_FILE, ProcessIdentity, stop_group
from loadtest.run_folder import RunFolder
from tests.backend.plans import command_plan, processes_of, tiny
from tests.support.postgres import PostgresServer


def files_in(folder: Path) -> list[str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return sorted(path.name for path in files if path.suffix != ".lock" and path.name != SCRATCH_ID_FILE)


def test_the_sample_backend_runs_on_a_fresh_file_that_goes_with_it(
    sample_plan: Callable[..., Plan], folder: RunFolder, scratch: Path
) -> None:
    plan = sample_plan(slowdown="GET /health=+1ms")
    state = start_backend(plan, folder)
    assert check_health(plan, folder).status == 200
    assert BackendState.read(folder.backend_state) == state
    assert Path(state.database.path).exists()
    stop_backend(folder)
    assert not state.identity.is_alive
    assert files_in(scratch) == []
    assert "sample backend on" in folder.backend_log.read_text()


def test_the_sample_backend_on_postgresql(
    sample_plan: Callable[..., Plan], folder: RunFolder, postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOADTEST_SAMPLE_DATABASE_URL", postgres_server.url)
    plan = sample_plan()
    state = start_backend(plan, folder)
    check_health(plan, folder)
    assert state.database.kind == "postgresql" and state.database.server == f"127.0.0.1:{postgres_server.port}"
    assert state.database not in list_orphaned_databases(older_than_s=-60)
    stop_backend(folder)
    for file in (folder.backend_state, folder.backend_log):
        assert postgres_server.password not in file.read_text()
    assert postgres_server.password not in " ".join(state.model_dump_json())
    assert list_orphaned_databases(older_than_s=-60) == []


def test_a_retry_keeps_the_live_backend(folder: RunFolder) -> None:
    first = start_backend(tiny(), folder)
    assert start_backend(tiny(), folder) == first
    assert len(processes_of(folder)) == 1


def test_two_tries_at_once_start_one_backend(folder: RunFolder) -> None:
    with ThreadPoolExecutor(4) as pool:
        states = list(pool.map(lambda _: start_backend(tiny(), folder), range(4)))
    assert len({state.identity.pid for state in states}) == len(processes_of(folder)) == 1


def test_a_retry_replaces_a_dead_backend_and_its_database(folder: RunFolder, scratch: Path) -> None:
    plan = tiny(env={"DATABASE_URL": "{database_url}"})
    first = start_backend(plan, folder)
    Path(first.database.path).touch()
    os.kill(first.identity.pid, signal.SIGKILL)
    psutil.wait_procs([psutil.Process(first.identity.pid)], timeout=5)
    second = start_backend(plan, folder)
    assert second.identity != first.identity and second.database != first.database
    assert not Path(first.database.path).exists()


def test_a_backend_whose_starter_died_before_writing_its_pid_is_found(folder: RunFolder) -> None:
    state = start_backend(tiny(), folder)
    state.model_copy(update={"identity": None}).write(folder.backend_state)
    second = start_backend(tiny(), folder)
    assert [process.pid for process in processes_of(folder)] == [second.identity.pid]
    second.model_copy(update={"identity": None}).write(folder.backend_state)
    stop_backend(folder)
    assert processes_of(folder) == []


def test_it_outlives_the_process_that_started_it(folder: RunFolder) -> None:
    plan = tiny()
    plan.write(folder.plan)
    code = (
        "import sys, os; from upath import UPath; from loadtest.backend.start import start_backend;"
        "from loadtest.planning.models import Plan; from loadtest.run_folder import RunFolder;"
        "folder = RunFolder(UPath(sys.argv[1])); start_backend(Plan.read(folder.plan), folder); os._exit(0)"
    )
    subprocess.run([sys.executable, "-c", code, str(folder.path)], check=True, timeout=30)
    state = BackendState.read(folder.backend_state)
    assert state.identity.is_alive and httpx.get(state.base_url, trust_env=False).status_code == 200


def test_stop_can_be_repeated_and_needs_no_start(folder: RunFolder) -> None:
    stop_backend(folder)
    assert not folder.backend_state.exists()
    state = start_backend(tiny(), folder)
    os.kill(state.identity.pid, signal.SIGKILL)
    for _ in range(3):
        stop_backend(folder)
    assert BackendState.read(folder.backend_state).stopped_at is not None
    with pytest.raises(psutil.NoSuchProcess):
        psutil.Process(state.identity.pid)  # not even a zombie


def test_a_stubborn_backend_and_its_runaway_child_are_ended(folder: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(stop_group.__kwdefaults__, "grace_s", 0.3)
    start_backend(tiny("200", "stubborn", "child"), folder)
    assert len(processes_of(folder)) == 2
    stop_backend(folder)
    assert processes_of(folder) == []


def test_after_a_stop_it_can_be_started_anew(folder: RunFolder) -> None:
    first = start_backend(tiny(), folder)
    stop_backend(folder)
    second = start_backend(tiny(), folder)
    assert second.identity.is_alive and second.identity != first.identity


def test_another_process_with_the_same_pid_is_left_alone(folder: RunFolder) -> None:
    state = start_backend(tiny(), folder)
    stop_backend(folder)
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, start_new_session=True) as stranger:
        mistaken = state.identity.model_copy(update={"pid": stranger.pid})
        state.model_copy(update={"identity": mistaken}).write(folder.backend_state)
        stop_backend(folder)
        assert stranger.poll() is None
        stranger.communicate(b"\n")


def test_on_another_machine_it_is_left_alone_or_started_again(
    folder: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = start_backend(tiny(), folder)
    with monkeypatch.context() as other_machine:
        other_machine.setenv("LOADTEST_SCRATCH", str(tmp_path / "other"))
        for action in (lambda: stop_backend(folder), lambda: check_health(tiny(), folder)):
            with pytest.raises(InfrastructureError, match=r"was started on .* and this is another machine"):
                action()
        second = start_backend(tiny(), folder)
        assert second.base_url != first.base_url
        assert check_health(tiny(), folder).status == 200
        stop_backend(folder)
        assert not second.identity.is_alive
    assert first.identity.is_alive, "it belongs to its machine"
    stop_group(first.identity)


def test_what_an_earlier_version_wrote_about_a_backend_can_be_read(folder: RunFolder) -> None:
    state = start_backend(tiny(), folder)
    data = json.loads(state.model_dump_json(exclude={"machine": True, "identity": {"pid_namespace", "scratch_id"}}))
    folder.backend_state.write_text(json.dumps(data | {"host": state.machine.host}))
    stop_backend(folder)
    assert not state.identity.is_alive


def test_the_backend_sees_its_own_environment_only(folder: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__FERNET_KEY", "sesame")
    monkeypatch.setenv("SCHOOL_SECRET", "{port} open")
    plan = tiny(
        "200",
        "talkative",
        env={"MINE": "${SCHOOL_SECRET}", "PORT": "{port}", "DATABASE_URL": "{database_url}", "JSON": '{"a": {"b": 1}}'},
    )
    state = start_backend(plan, folder)
    variables = psutil.Process(state.identity.pid).environ()
    assert not [name for name in variables if name.startswith("AIRFLOW")]
    assert variables["MINE"] == "{port} open" and variables["PORT"] == state.base_url.rpartition(":")[2]
    assert variables["DATABASE_URL"] == f"sqlite:///{state.database.path}" and variables["JSON"] == '{"a": {"b": 1}}'
    assert "sesame" not in folder.backend_state.read_text()


def test_the_kept_log_holds_no_secret(folder: RunFolder) -> None:
    start_backend(tiny("200", "talkative"), folder)
    stop_backend(folder)
    log = folder.backend_log.read_text()
    assert "connecting to postgresql://me:***@db/school" in log
    assert "hunter2" not in log and "abcdefghijk" not in log


@pytest.mark.parametrize(
    ("command", "error", "words"),
    [
        (("no-such-program-here",), ConfigurationError, "'no-such-program-here' cannot be started: No such file or directory"),
        (("/etc/passwd",), ConfigurationError, "Permission denied"),
        (
            ("{python}", "-m", "no_such_module"),
            InfrastructureError,
            r"exit code 1 .*its last words: .*No module named no_such",
        ),
        (
            ("{python}", "-c", "print('bad option'); exit(2)"),
            ConfigurationError,
            r"exit code 2 .*its last words: bad option",
        ),
        (
            ("{python}", "-c", "import os; os.kill(os.getpid(), 9)"),
            InfrastructureError,
            r"exit code -9 .*it said nothing",
        ),
    ],
)
def test_a_command_that_ends_at_once_is_one_sentence(
    folder: RunFolder, command: tuple[str, ...], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words) as caught:
        start_backend(command_plan(*command, base_url="http://127.0.0.1:{port}"), folder)
    assert "\n" not in str(caught.value)


def test_a_database_of_a_failed_start_goes_with_stop(folder: RunFolder, scratch: Path) -> None:
    plan = command_plan(
        "{python}", "-c", "import os; open(os.environ['D'][10:], 'w'); exit(1)", env={"D": "{database_url}", "P": "{port}"}
    )
    with pytest.raises(InfrastructureError):
        start_backend(plan, folder)
    stop_backend(folder)
    assert files_in(scratch) == []


def test_a_fixed_port_that_is_in_use_is_refused_before_anything_starts(folder: RunFolder) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        plan = command_plan("{python}", "-c", "", base_url=f"http://127.0.0.1:{port}")
        with pytest.raises(ConfigurationError, match=f"already listens on http://127.0.0.1:{port}"):
            start_backend(plan, folder)
    assert not folder.backend_state.exists()


@pytest.mark.parametrize(
    ("plan", "words"),
    [
        (tiny(slowdown="GET /=+1ms"), "does not hand slowdowns to its backend"),
        (command_plan("{python}", "-V"), "does not say where its backend listens"),
        (tiny(working_dir="no/such/folder"), "working directory .*no/such/folder .* does not exist"),
        (tiny(env={"TOKEN": "${NOT_SET_ANYWHERE}"}), "needs the environment variable NOT_SET_ANYWHERE"),
    ],
)
def test_what_cannot_work_is_a_configuration_error(folder: RunFolder, plan: Plan, words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        start_backend(plan, folder)
    assert processes_of(folder) == []


def test_an_unknown_endpoint_to_slow_down_is_told_by_the_backend(sample_plan: Callable[..., Plan], folder: RunFolder) -> None:
    with pytest.raises(ConfigurationError, match=r"the nearest are: .*GET /api/v1/courses"):
        start_backend(sample_plan(slowdown="GET /api/v1/coursse=+400ms"), folder)


def test_a_backend_that_does_not_listen_is_one_sentence_and_stopped(folder: RunFolder) -> None:
    with pytest.raises(InfrastructureError, match=r"does not listen on http://127\.0\.0\.1:\d+ after 0\.5 s .*it said nothing"):
        start_backend(tiny("200", "deaf", start_timeout_s=0.5), folder)
    assert len(processes_of(folder)) == 1
    stop_backend(folder)
    assert processes_of(folder) == []


def test_identity_is_of_the_session_leader(folder: RunFolder) -> None:
    identity = start_backend(tiny(), folder).identity
    assert isinstance(identity, ProcessIdentity) and os.getsid(identity.pid) == identity.pid
