"""The compose file, checked without an engine: services, health checks, mounts, and who holds which secret."""

import re
import stat
import subprocess
from pathlib import Path

import pytest
import yaml

from loadtest.planning.load_generators import NAME_VARIABLE, place_of

ROOT = Path(__file__).resolve().parents[2]
AIRFLOW = ("airflow-apiserver", "airflow-scheduler", "airflow-dag-processor", "airflow-triggerer")
WORKERS = ("airflow-worker", "airflow-loadgen")
PROFILES = {"locust-worker": "fleet", "object-storage": "s3", "run-metrics": "monitoring", "prometheus": "monitoring"}
PROFILES |= {"grafana": "monitoring"}
OTHERS = ("postgres", "sample-postgres", "redis", "sample-backend", "locust-worker")
SECRETS = (
    *("POSTGRES_PASSWORD", "LOADTEST_DATABASE_PASSWORD", "SAMPLE_DATABASE_PASSWORD", "REDIS_PASSWORD"),
    *("FERNET_KEY", "API_SECRET_KEY", "JWT_SECRET", "LOADTEST_FLEET_TOKEN", "GRAFANA_PASSWORD"),
)
KEYS = ("FERNET_KEY", "JWT_SECRET", "API_SECRET_KEY", "${POSTGRES_PASSWORD")


@pytest.fixture(scope="module")
def compose() -> dict:
    return yaml.safe_load((ROOT / "docker-compose.yaml").read_text())


def test_every_service_of_a_team_is_there_and_long_running_ones_are_checked(compose: dict) -> None:
    services = compose["services"]
    assert set(services) >= {*AIRFLOW, *WORKERS, *OTHERS, "airflow-init"}
    for name in set(services) - {"airflow-init", "locust-worker"}:
        assert services[name]["healthcheck"]["test"], name
    assert {name: profile for name, one in services.items() for profile in one.get("profiles", ())} == PROFILES


def test_no_health_check_starts_python_or_outlives_its_own_limit(compose: dict) -> None:
    for name, service in compose["services"].items():
        if check := service.get("healthcheck"):
            command = " ".join(check["test"])
            assert not re.search(r"\b(airflow (?!-)|celery (inspect|--app)|python)", command), name
            limit = re.search(r"timeout -k 1 (\d+)|timeout, -k, 1, (\d+)|-k 1 (\d+)|--max-time (\d+)", command)
            assert limit and int(next(filter(None, limit.groups()))) < int(check["timeout"].removesuffix("s")), name


def test_processes_that_run_tasks_and_load_hold_no_key_of_airflow(compose: dict) -> None:
    """A scenario's Locust file may read the environment of every process of its own user."""
    for name in (*WORKERS, "sample-backend", "locust-worker", "run-metrics"):
        text = yaml.safe_dump(compose["services"][name].get("environment", {}))
        assert not [key for key in KEYS if key in text], name
        assert ".env" not in [file.get("path") for file in compose["services"][name].get("env_file", [])]


@pytest.mark.parametrize("name", AIRFLOW)
def test_airflow_services_share_secrets_and_see_the_project(compose: dict, name: str) -> None:
    service = compose["services"][name]
    for variable in ("AIRFLOW__CORE__FERNET_KEY", "AIRFLOW__API_AUTH__JWT_SECRET", "AIRFLOW__CORE__EXECUTION_API_SERVER_URL"):
        assert service["environment"][variable], variable
    targets = {volume.rsplit("}", 1)[-1].split(":")[1] for volume in service["volumes"]}
    assert targets >= {"/opt/loadtest/include", "/opt/loadtest/runs", "/opt/airflow/logs"}
    assert service["depends_on"]["airflow-init"]["condition"] == "service_completed_successfully"


def test_what_scales_has_no_fixed_name(compose: dict) -> None:
    for name in (*WORKERS, "locust-worker"):
        assert not {"hostname", "container_name", "ports"} & set(compose["services"][name]), name


def test_every_container_is_bounded(compose: dict) -> None:
    for name, service in compose["services"].items():
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["mem_limit"] and service["pids_limit"] and service["logging"]["options"]["max-size"], name
        assert name in ("postgres", "sample-postgres") or service["cap_drop"] == ["ALL"], name


def test_no_secret_has_a_default() -> None:
    text = (ROOT / "docker-compose.yaml").read_text()
    for name in SECRETS:
        assert f"${{{name}:?" in text
        assert f"${{{name}:-" not in text


def test_secrets_are_made_once_and_are_the_owner_s_alone(tmp_path: Path) -> None:
    script = tmp_path / "deployment" / "compose" / "init.sh"
    script.parent.mkdir(parents=True)
    script.write_bytes((ROOT / "deployment" / "compose" / "init.sh").read_bytes())
    (tmp_path / "include").mkdir(mode=0o755)
    (tmp_path / ".env").write_text("JWT_SECRET=mine\nFERNET_KEY=\n")
    run = ["bash", str(script)]
    subprocess.run(run, check=True, capture_output=True)
    first = (tmp_path / ".env").read_text()
    values = dict(line.split("=", 1) for line in first.splitlines())
    assert set(values) == set(SECRETS) and values.pop("JWT_SECRET") == "mine"
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{43}=", value) for value in values.values())
    assert len(set(values.values())) == len(values)
    for name in (".env", ".env.containers"):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600
    subprocess.run(run, check=True, capture_output=True)
    assert (tmp_path / ".env").read_text() == first
    (tmp_path / "include").chmod(0o700)
    refused = subprocess.run(run, check=False, capture_output=True, text=True)
    assert refused.returncode == 2 and "chmod -R o+rX include" in refused.stderr


def test_the_pools_are_made_before_anything_needs_them(compose: dict) -> None:
    init = compose["services"]["airflow-init"]
    assert "python -m loadtest.deployment.pools > /tmp/pools.json\nairflow pools import /tmp/pools.json" in init["command"][-1]
    assert any(volume.endswith(":/opt/loadtest/include:ro") for volume in init["volumes"]), "they stand in its environments"


def test_a_second_load_generator_reads_its_own_queue_and_knows_its_name(compose: dict) -> None:
    second = yaml.safe_load((ROOT / "deployment" / "compose" / "second_load_generator.yaml").read_text())
    (service,) = second["services"].values()
    assert service["extends"]["service"] in compose["services"]
    assert service["command"][-1] == place_of(service["environment"][NAME_VARIABLE])


def test_object_storage_is_told_to_both_sides_once(tmp_path: Path) -> None:
    script = tmp_path / "deployment" / "compose" / "init.sh"
    script.parent.mkdir(parents=True)
    script.write_bytes((ROOT / "deployment" / "compose" / "init.sh").read_bytes())
    (tmp_path / "include").mkdir(mode=0o755)
    for _ in range(2):
        subprocess.run(["bash", str(script), "s3"], check=True, capture_output=True)
    server, tasks = (
        dict(line.split("=", 1) for line in (tmp_path / name).read_text().splitlines() if not line.startswith("#"))
        for name in (".env", ".env.containers")
    )
    assert (server["LOADTEST_RUNS_ROOT"], server["COMPOSE_PROFILES"]) == ("s3://loadtest/runs", "s3")
    assert tasks["AWS_ACCESS_KEY_ID"] == server["S3_ACCESS_KEY"] != server["S3_SECRET_KEY"] == tasks["AWS_SECRET_ACCESS_KEY"]
    assert (tmp_path / ".env").read_text().count("S3_SECRET_KEY=") == 1


@pytest.mark.parametrize(
    ("asked", "profiles", "workers"),
    [((), "s3,fleet", 0), (("FLEET=4",), "s3,fleet", 4), (("MONITORING=1",), "s3,fleet,monitoring", 0)],
)
def test_compose_up_turns_on_the_profiles_of_all_that_it_starts(
    tmp_path: Path, asked: tuple[str, ...], profiles: str, workers: int
) -> None:
    """Compose refuses to scale a service of a profile that is off. The profile in .env stays on."""
    script = tmp_path / "deployment" / "compose" / "init.sh"
    script.parent.mkdir(parents=True)
    script.write_bytes((ROOT / "deployment" / "compose" / "init.sh").read_bytes())
    script.chmod(0o755)
    (tmp_path / "include").mkdir(mode=0o755)
    (tmp_path / ".env").write_text("COMPOSE_PROFILES=s3\n")
    docker = tmp_path / "bin" / "docker"
    docker.parent.mkdir()
    docker.write_text(f'#!/bin/sh\necho "$COMPOSE_PROFILES: $*" >> {tmp_path}/called\n')
    docker.chmod(0o755)
    environment = {"PATH": f"{docker.parent}:/usr/bin:/bin", "HOME": str(tmp_path)}
    subprocess.run(["make", "-f", ROOT / "Makefile", "compose-up", *asked], cwd=tmp_path, env=environment, check=True)
    called = (tmp_path / "called").read_text()
    assert f"{profiles}: compose up -d --wait --remove-orphans --scale locust-worker={workers}\n" in called
