"""Airflow's official Helm chart with our values: what it takes, and what it makes of them. Needs the chart, as AIRFLOW_CHART, and
Helm: `pip install helm-python-sdk`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

helm = pytest.importorskip("helm_python")
CHART = os.environ.get("AIRFLOW_CHART", "")
FOLDER = Path(__file__).resolve().parents[2] / "deployment" / "kubernetes"
pytestmark = pytest.mark.skipif(not CHART, reason="AIRFLOW_CHART, the folder of Airflow's chart, is not given")


def merged(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    """As `helm -f first -f second` does."""
    both = dict(first)
    for key, value in second.items():
        both[key] = merged(both[key], value) if isinstance(value, dict) and isinstance(both.get(key), dict) else value
    return both


@pytest.fixture(scope="module", params=["values-celery.yaml", "values-kubernetes.yaml"])
def made(request: pytest.FixtureRequest) -> dict[tuple[str, str], dict[str, Any]]:
    """What the chart makes, by kind and name."""
    common, own = (yaml.safe_load((FOLDER / name).read_text()) for name in ("values.yaml", request.param))
    values = merged(common, own)
    if request.param == "values-kubernetes.yaml":
        values["podTemplate"] = (FOLDER / "load-generator-pod.yaml").read_text()
    with helm.Chart.load(CHART) as chart:
        chart.validate_schema(values)
        texts = [text for name, text in chart.render(values, name="airflow", namespace="loadtest").items() if "NOTES" not in name]
    documents = [document for text in texts for document in yaml.safe_load_all(text) if document]
    return {(document["kind"], document["metadata"]["name"]): document for document in documents}


def test_all_of_it_is_what_the_api_takes(made: dict[tuple[str, str], dict[str, Any]]) -> None:
    for document in made.values():
        kubernetes_validate.validate(document, "1.31", strict=True)


def test_no_container_of_our_image_needs_what_only_airflow_s_image_has(made: dict[tuple[str, str], dict[str, Any]]) -> None:
    pods = [document["spec"]["template"]["spec"] for document in made.values() if "template" in document.get("spec", {})]
    containers = [one for pod in pods for one in (*pod["containers"], *pod.get("initContainers", ()))]
    ours = [one for one in containers if one["image"].startswith("loadtest-kubernetes:")]
    assert len(ours) >= 8
    for one in ours:
        said = yaml.safe_dump(one)
        assert "/entrypoint" not in said and "/clean-logs" not in said, said
        assert one["securityContext"] == {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}


def test_the_load_generator_has_its_queue_its_account_and_its_labels(made: dict[tuple[str, str], dict[str, Any]]) -> None:
    service = next(one for one in yaml.safe_load_all((FOLDER / "network.yaml").read_text()) if one["kind"] == "Service")
    config = made["ConfigMap", "airflow-config"]["data"]
    if worker := made.get(("Deployment", "airflow-worker-loadgen")):
        pod = worker["spec"]["template"]
        assert "celery worker -q loadgen" in yaml.safe_dump(pod["spec"]["containers"][0]["args"])
        assert "celery_config_options = loadtest.deployment.celery_config.CONFIG" in config["airflow.cfg"]
    else:
        pod = yaml.safe_load(config["pod_template_file.yaml"])
    assert service["spec"]["selector"].items() <= pod["metadata"]["labels"].items()
    assert pod["spec"]["serviceAccountName"] == "loadtest-load-generator"
