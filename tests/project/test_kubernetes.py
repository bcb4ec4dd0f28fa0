"""The Kubernetes manifests and Helm values, against the schemas of the API and against each other; no cluster is needed."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from loadtest.operators.kubernetes_fleet import job_manifest, secret_manifest
from loadtest.planning.kubernetes_fleet import KubernetesFleet
from tests.load.plans import plan_of

FOLDER = Path(__file__).resolve().parents[2] / "deployment" / "kubernetes"
MANIFESTS = [
    (path.name, document)
    for path in sorted(FOLDER.glob("*.yaml"))
    if not path.name.startswith("values")
    for document in yaml.safe_load_all(path.read_text())
]
VALUES = {path.name: yaml.safe_load(path.read_text()) for path in sorted(FOLDER.glob("values*.yaml"))}
NAMED = dict(MANIFESTS)


@pytest.mark.parametrize(("name", "manifest"), MANIFESTS, ids=[f"{name}-{document['kind']}" for name, document in MANIFESTS])
def test_it_is_what_the_api_takes(name: str, manifest: dict[str, Any]) -> None:
    kubernetes_validate.validate(manifest, "1.31", strict=True)


def test_the_schema_would_notice_a_mistake() -> None:
    job = yaml.safe_load((FOLDER / "fleet-job.yaml").read_text())
    job["spec"]["complections"] = 4
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(job, "1.31", strict=True)


def test_the_fleet_finds_the_master_and_may_reach_it() -> None:
    pod, job = NAMED["load-generator-pod.yaml"], NAMED["fleet-job.yaml"]
    parts = {(document["kind"], document["metadata"].get("name")): document for _, document in MANIFESTS}
    service, policy = parts["Service", "loadtest-master"], parts["NetworkPolicy", "loadtest-master"]
    master = {entry["name"]: entry.get("value") for entry in job["spec"]["template"]["spec"]["containers"][0]["env"]}
    assert master["LOADTEST_MASTER"] == service["metadata"]["name"]
    assert service["spec"]["selector"] == policy["spec"]["podSelector"]["matchLabels"] == pod["metadata"]["labels"]
    (door,) = policy["spec"]["ingress"]
    assert door["from"][0]["podSelector"]["matchLabels"] == job["spec"]["template"]["metadata"]["labels"]
    port = pod["spec"]["containers"][0]["ports"][0]["containerPort"]
    assert door["ports"][0]["port"] == service["spec"]["ports"][0]["port"] == port == 5557
    for spec in (pod["spec"], job["spec"]["template"]["spec"]):
        assert ("ServiceAccount", spec["serviceAccountName"]) in parts
    (generator,) = VALUES["values-celery.yaml"]["workers"]["celery"]["sets"]
    assert generator["labels"] == service["spec"]["selector"]
    assert ("ServiceAccount", generator["serviceAccount"]["name"]) in parts


def test_each_worker_of_the_job_runs_once() -> None:
    spec = NAMED["fleet-job.yaml"]["spec"]
    assert spec["completionMode"] == "Indexed" and spec["completions"] == spec["parallelism"]
    assert (
        spec["backoffLimitPerIndex"] == 0 and "backoffLimit" not in spec and spec["template"]["spec"]["restartPolicy"] == "Never"
    )


FLEET = KubernetesFleet(image="registry.example/loadtest:1", namespace="loadtest")


def test_the_job_and_the_secret_of_the_load_task_are_what_the_api_takes() -> None:
    plan = plan_of(Path("simple/locustfile.py"), "http://shop.example", remote_workers=3)
    job = job_manifest(plan, FLEET, "loadtest-0123-1")
    secret = secret_manifest("loadtest-0123-1", "uid", {"API_TOKEN": "x"})
    for manifest in (job, secret):
        kubernetes_validate.validate(manifest, "1.31", strict=True)
    spec, pod = job["spec"], job["spec"]["template"]
    assert spec["completionMode"] == "Indexed" and spec["completions"] == spec["parallelism"] == 3
    assert spec["backoffLimitPerIndex"] == 0 and "backoffLimit" not in spec  # one that dies leaves the others
    assert spec["activeDeadlineSeconds"] > 0 and spec["ttlSecondsAfterFinished"] > 0  # nobody needs to be there to end it
    assert pod["spec"]["containers"][0]["envFrom"] == [{"secretRef": {"name": secret["metadata"]["name"]}}]
    assert secret["metadata"]["ownerReferences"][0]["name"] == job["metadata"]["name"]


def test_the_load_task_s_fleet_may_reach_the_master_and_may_be_started() -> None:
    parts = {(document["kind"], document["metadata"].get("name")): document for _, document in MANIFESTS}
    (door,) = parts["NetworkPolicy", "loadtest-master"]["spec"]["ingress"]
    plan = plan_of(Path("simple/locustfile.py"), "http://shop.example", remote_workers=1)
    pod = job_manifest(plan, FLEET, "loadtest-0123-1")["spec"]["template"]
    assert door["from"][0]["podSelector"]["matchLabels"].items() <= pod["metadata"]["labels"].items()
    assert ("ServiceAccount", pod["spec"]["serviceAccountName"]) in parts
    assert ("Service", FLEET.master) in parts
    (subject,) = parts["RoleBinding", "loadtest-fleet"]["subjects"]
    assert subject["name"] == NAMED["load-generator-pod.yaml"]["spec"]["serviceAccountName"]


def pods_of(values: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """What the chart makes of values, as far as it is handed on unchanged: a pod for each part that has resources."""
    security = VALUES["values.yaml"]["securityContexts"]
    workers = values.get("workers", {}).get("celery", {})
    parts = [part for part in values.values() if isinstance(part, dict) and "resources" in part]
    for part in (*parts, *([workers] if workers else []), *workers.get("sets", ())):
        secrets = [
            {"name": one["envName"], "valueFrom": {"secretKeyRef": {"name": one["secretName"], "key": one["secretKey"]}}}
            for one in values.get("secret", ())
        ]
        container = {
            "name": "base",
            "image": "{repository}:{tag}".format(**VALUES["values.yaml"]["images"]["airflow"]),
            "resources": part["resources"],
            "securityContext": security["containers"],
            "env": [*values.get("env", ()), *secrets, *part.get("env", ())],
        }
        metadata = {"name": "part", "labels": part.get("labels", {})}
        spec = {"containers": [container], "securityContext": security["pod"]}
        yield {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


@pytest.mark.parametrize(("name", "parts"), [("values.yaml", 4), ("values-celery.yaml", 2)])
def test_the_pods_of_the_values_are_what_the_api_takes(name: str, parts: int) -> None:
    pods = list(pods_of(VALUES[name]))
    assert len(pods) == parts
    for pod in pods:
        kubernetes_validate.validate(pod, "1.31", strict=True)


def test_host_bound_tasks_go_where_a_load_generator_reads() -> None:
    """A list of values replaces the one before it, so the second file repeats the first one's variables."""
    common, celery = VALUES["values.yaml"], VALUES["values-celery.yaml"]
    variables = {one["name"]: one["value"] for one in celery["env"]}
    assert {one["name"]: one["value"] for one in common["env"]}.items() <= variables.items()
    workers = celery["workers"]["celery"]
    assert variables["LOADTEST_LOADGEN_QUEUE"] in {one["queue"] for one in workers["sets"]}
    assert workers["queue"] == "default"
    assert (celery["executor"], VALUES["values-kubernetes.yaml"]["executor"]) == ("CeleryExecutor", "KubernetesExecutor")
