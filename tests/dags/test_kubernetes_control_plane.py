"""The load task's fleet against a real control plane of Kubernetes, with the rights that deployment/kubernetes/ gives it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from airflow.sdk.exceptions import AirflowException

from loadtest.load.models import LoadResult, StopReason
from loadtest.operators.kubernetes_fleet import FleetJob
from loadtest.planning.models import Plan
from loadtest.processes import free_port
from tests.dags.test_kubernetes_fleet import CANARY, FLEET_TOKEN, planned, server  # noqa: F401 (a fixture)
from tests.support.control_plane import MANIFESTS, NAMESPACE, ControlPlane, missing
from tests.support.http_server import CountingServer
from tests.support.waiting import until

pytestmark = [
    pytest.mark.airflow,
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.skipif(bool(missing()), reason=missing() or "it is there"),
]
Server = CountingServer


@pytest.fixture
def plane(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ControlPlane]:
    monkeypatch.setenv("LOADTEST_SCRATCH", str(tmp_path / "scratch"))
    monkeypatch.setenv("LOADTEST_MASTER_PORT", str(free_port()))
    monkeypatch.setenv("LOADTEST_FLEET_TOKEN", FLEET_TOKEN)
    monkeypatch.setenv("WHERE_IT_IS_KEPT", CANARY)
    (tmp_path / "plane").mkdir()
    with ControlPlane(tmp_path / "plane", {"LOADTEST_INCLUDE": str(tmp_path / "include")}) as running:
        until(lambda: running.core.read_namespaced_service_account("loadtest-load-generator", NAMESPACE), "its account")
        monkeypatch.setenv("AIRFLOW_CONN_KUBERNETES_DEFAULT", running.connection("loadtest-load-generator"))
        yield running


def test_the_server_takes_every_manifest(plane: ControlPlane) -> None:
    for name in ("fleet-job.yaml", "load-generator-pod.yaml"):
        for document in yaml.safe_load_all((MANIFESTS / name).read_text()):
            plane.create(document, dryRun="All")


def test_a_fleet_sends_and_nothing_is_left(tmp_path: Path, server: Server, plane: ControlPlane) -> None:  # noqa: F811
    plane.kubelet.start()
    operator, folder = planned(tmp_path, server, remote_wait_s=60)
    operator.execute({})
    result = LoadResult.read(folder.load)
    assert (result.stop_reason, result.error) == (StopReason.COMPLETED, "")
    assert result.samples == server.total > 0
    assert {worker.worker.split("/")[0] for worker in result.workers} == {"0", "1"}
    until(lambda: not plane.names(), "Job, Secret and pods are gone", timeout_s=60)


def test_an_ended_job_of_an_earlier_try_makes_way(tmp_path: Path, server: Server, plane: ControlPlane) -> None:  # noqa: F811
    operator, folder = planned(tmp_path, server, remote_wait_s=60)
    earlier = FleetJob.of(Plan.read(folder.plan), 1)
    assert earlier is not None
    earlier.start(lambda _: None)
    first = plane.batch.read_namespaced_job(earlier.name, NAMESPACE)
    earlier.start(lambda _: None)  # as by a retry: one that runs is joined
    assert plane.batch.read_namespaced_job(earlier.name, NAMESPACE).metadata.uid == first.metadata.uid
    plane.batch.patch_namespaced_job(earlier.name, NAMESPACE, {"spec": {"activeDeadlineSeconds": 1}})

    def failed() -> bool:
        conditions = plane.batch.read_namespaced_job(earlier.name, NAMESPACE).status.conditions or ()
        return any(condition.type == "Failed" for condition in conditions)

    until(failed, "the Job has failed", timeout_s=60)
    plane.kubelet.start()
    operator.execute({})
    assert LoadResult.read(folder.load).stop_reason is StopReason.COMPLETED
    until(lambda: not plane.names(), "Job, Secret and pods are gone", timeout_s=60)


def test_workers_without_a_place_are_said(tmp_path: Path, server: Server, plane: ControlPlane) -> None:  # noqa: F811
    operator, _ = planned(tmp_path, server, remote_wait_s=10)
    with pytest.raises(AirflowException, match=r"2 of 2 workers cannot run: Unschedulable \(no nodes available"):
        operator.execute({})
    until(lambda: not plane.names(), "Job, Secret and pods are gone", timeout_s=60)


def test_a_missing_service_account_is_said(tmp_path: Path, server: Server, plane: ControlPlane) -> None:  # noqa: F811
    plane.core.delete_namespaced_service_account("loadtest-fleet", NAMESPACE)
    operator, _ = planned(tmp_path, server, remote_wait_s=10)
    with pytest.raises(AirflowException, match=r'The cluster made 0 of 2 workers: .*serviceaccount "loadtest-fleet" not found'):
        operator.execute({})


def test_rights_that_are_missing_are_said(
    tmp_path: Path,
    server: Server,  # noqa: F811
    plane: ControlPlane,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_KUBERNETES_DEFAULT", plane.connection("loadtest-fleet"))
    operator, _ = planned(tmp_path, server)
    with pytest.raises(AirflowException, match=r"did not start its workers: it answered 403 .*cannot create resource"):
        operator.execute({})
    assert server.total == 0 and not plane.names()


def test_a_worker_that_is_killed_leaves_the_others(tmp_path: Path, server: Server, plane: ControlPlane) -> None:  # noqa: F811
    plane.kubelet.start()
    operator, folder = planned(tmp_path, server, remote_wait_s=60, duration_s=20)

    def kill_one() -> None:
        until(lambda: server.total > 0, "it sends")
        next(iter(plane.kubelet.pods.values())).kill()

    killer = threading.Thread(target=kill_one)
    killer.start()
    operator.execute({})
    killer.join()
    result = LoadResult.read(folder.load)
    assert sorted(worker.lost for worker in result.workers) == [False, True]
    assert "1 of 2 load-generating processes were lost" in result.error
    until(lambda: not plane.names(), "Job, Secret and pods are gone", timeout_s=60)
