"""The compose file, checked without an engine: services, health checks, mounts, secrets."""

from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
AIRFLOW = ("airflow-apiserver", "airflow-scheduler", "airflow-dag-processor", "airflow-triggerer", "airflow-worker")


@pytest.fixture(scope="module")
def compose() -> dict:
    return yaml.safe_load((ROOT / "docker-compose.yaml").read_text())


def test_every_service_of_a_team_is_there_and_long_running_ones_are_checked(compose: dict) -> None:
    services = compose["services"]
    assert set(services) == {"postgres", "redis", "airflow-init", *AIRFLOW, "sample-backend", "locust-worker"}
    for name in ("postgres", "redis", *AIRFLOW, "sample-backend"):
        assert services[name]["healthcheck"]["test"], name


@pytest.mark.parametrize("name", AIRFLOW)
def test_airflow_services_share_secrets_and_see_the_project(compose: dict, name: str) -> None:
    service = compose["services"][name]
    for variable in ("AIRFLOW__CORE__FERNET_KEY", "AIRFLOW__API_AUTH__JWT_SECRET", "AIRFLOW__CORE__EXECUTION_API_SERVER_URL"):
        assert service["environment"][variable], variable
    targets = {volume.split(":")[1] for volume in service["volumes"]}
    assert targets >= {"/opt/loadtest/dags", "/opt/loadtest/plugins", "/opt/loadtest/include", "/opt/loadtest/runs"}
    assert service["depends_on"]["airflow-init"]["condition"] == "service_completed_successfully"


def test_no_secret_has_a_default_or_stands_in_the_file(compose: dict) -> None:
    text = (ROOT / "docker-compose.yaml").read_text()
    for name in ("POSTGRES_PASSWORD", "FERNET_KEY", "API_SECRET_KEY", "JWT_SECRET"):
        assert f"${{{name}:?" in text
        assert f"${{{name}:-" not in text
        assert f"\n{name}=\n" in (ROOT / ".env.example").read_text()


def test_the_pool_is_made_before_anything_needs_it(compose: dict) -> None:
    assert "pools set load_generator 1" in " ".join(compose["services"]["airflow-init"]["command"])
