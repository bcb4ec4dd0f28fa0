"""The load task starts its fleet in a cluster, and leaves nothing there: against an API server that checks what it receives and
starts the workers as processes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from loadtest.errors import InfrastructureError
from loadtest.load.models import LoadResult, StopReason
from loadtest.operators.kubernetes_fleet import FleetJob
from loadtest.operators.load import RunLoadOperator
from loadtest.planning.config import files_digest
from loadtest.planning.kubernetes_fleet import KubernetesFleet
from loadtest.planning.models import Plan
from loadtest.processes import free_port
from loadtest.run_folder import RunFolder
from tests.load.plans import folder_of, plan_of, write_scenario
from tests.support.http_server import CountingServer, counting_server
from tests.support.kubernetes_api import Cluster

pytestmark = [pytest.mark.airflow, pytest.mark.timeout(180)]

CANARY = "canary-7f3a91-of-the-scenario"
FLEET_TOKEN = "canary-of-the-fleet-0123456789"
WITH_SECRET = """
import os
from locust import FastHttpUser, constant, task
TOKEN = os.environ["API_TOKEN"]  # when the file is loaded
class Reader(FastHttpUser):
    wait_time = constant(0.1)
    @task
    def read(self):
        self.client.get("/orders", headers={"X-Token": TOKEN})
"""


@pytest.fixture
def server() -> Iterator[CountingServer]:
    with counting_server() as running:
        yield running


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    monkeypatch.setenv("LOADTEST_SCRATCH", str(tmp_path / "scratch"))
    monkeypatch.setenv("LOADTEST_MASTER_PORT", str(free_port()))
    monkeypatch.setenv("LOADTEST_FLEET_TOKEN", FLEET_TOKEN)
    monkeypatch.setenv("WHERE_IT_IS_KEPT", CANARY)
    (tmp_path / "cluster").mkdir()
    with Cluster(tmp_path / "cluster", {"LOADTEST_INCLUDE": str(tmp_path / "include")}) as running:
        monkeypatch.setenv("AIRFLOW_CONN_KUBERNETES_DEFAULT", running.connection)
        yield running


def planned(tmp_path: Path, server: CountingServer, **profile: object) -> tuple[RunLoadOperator, RunFolder]:
    locustfile = write_scenario(tmp_path / "include" / "scenarios" / "simple", WITH_SECRET)
    (locustfile.parent / "scenario.yaml").write_text("purpose: test\n")
    fleet = KubernetesFleet(image="registry/loadtest:1", namespace="loadtest", master="127.0.0.1")
    plan = plan_of(
        locustfile,
        server.base_url,
        scenario={"files_digest": files_digest(locustfile.parent), "secrets": {"API_TOKEN": {"variable": "WHERE_IT_IS_KEPT"}}},
        environment={"fleet": fleet},
        **{"users": 4, "remote_workers": 2, "duration_s": 4, **profile},
    )
    folder = folder_of(tmp_path / "runs")
    plan.write(folder.plan)
    return RunLoadOperator(task_id="run_load", run_folder=str(folder.path)), folder


def test_the_fleet_is_a_job_that_ends_with_its_load_and_knows_the_scenario_s_secrets(
    tmp_path: Path, server: CountingServer, cluster: Cluster, capfd: pytest.CaptureFixture[str]
) -> None:
    operator, folder = planned(tmp_path, server)
    operator.execute({})
    result = LoadResult.read(folder.load)
    assert (result.stop_reason, result.error) == (StopReason.COMPLETED, "")
    assert result.samples == server.total > 0
    assert {worker.worker.split("/")[0] for worker in result.workers} == {"0", "1"}
    assert server.request_headers["/orders"]["x-token"] == CANARY
    assert not cluster.jobs and not cluster.secrets and not cluster.pods
    (job,) = [body for method, path, body in cluster.seen if method == "POST" and path.endswith("/jobs")]
    assert CANARY not in job and FLEET_TOKEN not in job
    said = "".join(capfd.readouterr())
    assert CANARY not in said and FLEET_TOKEN not in said
    for place in ("runs", "scratch", "cluster"):
        for path in (tmp_path / place).rglob("*"):
            if path.is_file():
                assert CANARY.encode() not in path.read_bytes() and FLEET_TOKEN.encode() not in path.read_bytes(), path


@pytest.mark.parametrize("what", ["jobs", "secrets"])
def test_a_cluster_that_refuses_ends_the_load_and_is_said(
    tmp_path: Path, server: CountingServer, cluster: Cluster, what: str
) -> None:
    cluster.refuse[f"/{what}"] = 403
    operator, _ = planned(tmp_path, server)
    with pytest.raises(AirflowException, match="it answered 403") as failed:
        operator.execute({})
    assert not isinstance(failed.value, AirflowFailException)  # rights may be given meanwhile
    assert not cluster.jobs and not cluster.pods and server.total == 0


WAITING = {
    "phase": "Pending",
    "containerStatuses": [
        {
            "name": "worker",
            "image": "registry/loadtest:1",
            "imageID": "",
            "ready": False,
            "restartCount": 0,
            "state": {"waiting": {"reason": "ImagePullBackOff", "message": 'Back-off pulling image "registry/loadtest:1"'}},
        }
    ],
}
FULL = {
    "phase": "Pending",
    "conditions": [
        {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3 nodes are available: 3 full."}
    ],
}


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (WAITING, '2 of 2 workers cannot run: ImagePullBackOff (Back-off pulling image "registry/loadtest:1").'),
        (FULL, "2 of 2 workers cannot run: Unschedulable (0/3 nodes are available: 3 full.)."),
    ],
)
def test_workers_that_cannot_start_are_said_by_the_cluster_s_own_reason(
    tmp_path: Path, server: CountingServer, cluster: Cluster, status: dict[str, object], said: str
) -> None:
    cluster.waiting = status
    operator, folder = planned(tmp_path, server, remote_wait_s=2)
    with pytest.raises(AirflowException) as failed:
        operator.execute({})
    assert said in str(failed.value)
    assert LoadResult.read(folder.load).error.endswith(said)
    assert not cluster.jobs and server.total == 0


def test_a_fleet_that_the_cluster_does_not_make_is_said_by_its_event(
    tmp_path: Path, server: CountingServer, cluster: Cluster
) -> None:
    message = 'pods "loadtest-0" is forbidden: exceeded quota: team'
    cluster.events = [{"metadata": {}, "involvedObject": {}, "type": "Warning", "reason": "FailedCreate", "message": message}]
    operator, _ = planned(tmp_path, server, remote_wait_s=2)
    with pytest.raises(AirflowException) as failed:
        operator.execute({})
    assert f"The cluster made 0 of 2 workers: {message}." in str(failed.value)


def test_an_ended_job_of_an_earlier_try_makes_way_and_one_of_another_run_is_told(
    tmp_path: Path, server: CountingServer, cluster: Cluster
) -> None:
    operator, folder = planned(tmp_path, server)
    plan = Plan.read(folder.plan)
    job = FleetJob.of(plan, 1)
    assert job is not None
    cluster.waiting = WAITING
    job.start(lambda _: None)
    cluster.jobs[job.name]["status"] = {"conditions": [{"type": "Complete", "status": "True"}]}
    cluster.waiting = None
    operator.execute({})
    assert LoadResult.read(folder.load).stop_reason is StopReason.COMPLETED
    made = [path for method, path, _ in cluster.seen if method == "POST" and path.endswith("/jobs")]
    assert len(made) == 3  # the first, the refused, the one in its place
    job.start(lambda _: None)
    cluster.jobs[job.name]["metadata"]["annotations"]["loadtest/run"] = "of-others"
    with pytest.raises(InfrastructureError, match="belongs to another run"):
        job.start(lambda _: None)
    cluster.jobs[job.name]["metadata"]["annotations"]["loadtest/run"] = plan.run_id
    job.start(lambda _: None)  # one that runs is joined
    job.remove(lambda _: None)
    assert not cluster.jobs and not cluster.secrets


def test_a_task_marked_failed_takes_its_fleet_along(tmp_path: Path, server: CountingServer, cluster: Cluster) -> None:
    import threading

    from tests.support.waiting import until

    operator, folder = planned(tmp_path, server, duration_s=600)

    def mark() -> None:
        until(lambda: server.total > 0, "it sends", timeout_s=90)
        operator.on_kill()

    killer = threading.Thread(target=mark)
    killer.start()
    with pytest.raises(AirflowException):
        operator.execute({})
    killer.join()
    assert LoadResult.read(folder.load).stop_reason is StopReason.SIGNALED
    assert not cluster.jobs and not cluster.secrets and not cluster.pods
