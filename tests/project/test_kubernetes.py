"""The Kubernetes manifests, checked against the schemas of the API and against each other; no cluster is needed."""

from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

FOLDER = Path(__file__).resolve().parents[2] / "deployment" / "kubernetes"
MANIFESTS = [(path.name, document) for path in sorted(FOLDER.glob("*.yaml")) for document in yaml.safe_load_all(path.read_text())]
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
    assert ("ServiceAccount", pod["spec"]["serviceAccountName"]) in parts


def test_each_worker_of_the_job_runs_once() -> None:
    spec = NAMED["fleet-job.yaml"]["spec"]
    assert spec["completionMode"] == "Indexed" and spec["completions"] == spec["parallelism"]
    assert spec["backoffLimit"] == 0 and spec["template"]["spec"]["restartPolicy"] == "Never"
