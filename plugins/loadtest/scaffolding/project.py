"""The files of a project folder: what `loadtest` needs to work on it, and what a repository of it needs."""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib.metadata import distribution
from pathlib import Path

import yaml

from loadtest.errors import ConfigurationError
from loadtest.files import write_text
from loadtest.scaffolding.locustfile import write_locustfile
from loadtest.scaffolding.python_text import sentence
from loadtest.scaffolding.service import Service

DAGS = '''\
"""The DAGs that run these load tests: Airflow reads a file of its dags folder only when it names both a dag and airflow."""

from loadtest.dags import *  # noqa: F403
'''
COMPOSE = """\
# Airflow with these load tests, on this machine, from the released image: docker compose up -d, then http://127.0.0.1:8080.
# User admin; the password: docker compose exec airflow cat /opt/airflow/simple_auth_manager_passwords.json.generated
services:
  airflow:
    image: ${LOADTEST_IMAGE:-loadtest:latest}
    restart: unless-stopped
    security_opt: ["no-new-privileges:true"]
    cap_drop: [ALL]
    network_mode: host  # 127.0.0.1 in an environment's base_url is this machine
    env_file: [{ path: .env, required: false }]  # SCENARIO_*, LOADTEST_*, AIRFLOW_CONN_*
    environment:
      AIRFLOW__API__HOST: 127.0.0.1
      AIRFLOW__CORE__DAGS_FOLDER: /opt/loadtest/dags
      AIRFLOW__CORE__LOAD_EXAMPLES: "False"
    volumes:
      - ./dags:/opt/loadtest/dags:ro
      - ./include:/opt/loadtest/include:ro
      - runs:/opt/loadtest/runs
      - airflow:/opt/airflow
    command:
      - bash
      - -ec
      - |
        airflow db migrate
        airflow pools set load_generator 1 "One load test at a time on this load generator" --include-deferred
        exec airflow standalone

volumes:
  runs:
  airflow:
"""
GITIGNORE = """\
# Results and state of this machine
runs/
.loadtest/
.airflow/
# Python
.venv/
__pycache__/
# Secrets
.env
"""
WORKFLOW = """\
# Every push is checked before anybody sends load with it: files, names, targets, and whether Locust loads the scenarios.
name: Validate load tests

on: [push, pull_request]

permissions:
  contents: read

jobs:
  validate:
    runs-on: ubuntu-latest
    timeout-minutes: 15
    steps:
      - uses: actions/checkout@v4
        with:
          persist-credentials: false
      - uses: actions/setup-python@v5
        with:
          python-version: "3.11"
      - run: python -m pip install --quiet -r requirements.txt
      - run: loadtest validate all
"""
README = """\
# Load tests of {title}

    loadtest run                                    # a quick check (profile smoke)
    loadtest run --profile light                    # five minutes, enough to judge the common endpoints
    loadtest explain latest                         # why it ended as it did
    loadtest validate all                           # everything that can be known without sending load
    loadtest airflow up                             # Airflow with the DAGs below, for runs by form and by schedule

| | |
| --- | --- |
| `include/scenarios/{scenario}/locustfile.py` | what users do; plain Locust |
| `include/scenarios/{scenario}/targets.yaml` | what is fast enough |
| `include/environments/{environment}.yaml` | where the load goes |
| `include/schedules/{scenario}.yaml` | when it runs by itself on Airflow: Mondays at two |
| `include/profiles/` | how much load; empty: the built-in ones (`loadtest profiles`) |
| `include/baselines/` | accepted reference runs (`loadtest baseline collect`) |
| `dags/` | what Airflow reads; upgrading the package upgrades it |
| `compose.yaml` | the same Airflow in a container |
| `requirements.txt` | the package itself; CI installs it from there |
| `runs/` | results, not in git |
{secrets}"""


@dataclass(frozen=True)
class Project:
    """What a project folder is made of. `health_path`: below the base URL."""

    folder: Path
    name: str
    environment: str
    base_url: str
    health_path: str
    service: Service

    @property
    def scenario_folder(self) -> Path:
        return self.folder / "include" / "scenarios" / self.name

    def write(self) -> list[Path]:
        """Write all files; raises ConfigurationError where the folder holds something already. Returns what was written."""
        require_empty(self.folder)
        files = {
            "README.md": self._readme(),
            "pyproject.toml": self._pyproject(),
            "requirements.txt": requirement(),
            "compose.yaml": COMPOSE,
            "dags/load_tests.py": DAGS,
            ".gitignore": GITIGNORE,
            ".github/workflows/load-tests.yml": WORKFLOW,
            f"include/environments/{self.environment}.yaml": self._environment(),
            f"include/scenarios/{self.name}/scenario.yaml": self._scenario(),
            f"include/scenarios/{self.name}/locustfile.py": write_locustfile(self.service, self.base_url),
            f"include/schedules/{self.name}.yaml": self._schedule(),
            "include/profiles/.gitkeep": "",
            "include/baselines/.gitkeep": "",
        }
        for name, text in files.items():
            write_text(self.folder / name, text)
        return [self.folder / name for name in files]

    def rewrite_locustfile(self, service: Service) -> None:
        write_text(self.scenario_folder / "locustfile.py", write_locustfile(service, self.base_url))

    def write_targets(self, text: str) -> None:
        write_text(self.scenario_folder / "targets.yaml", text)

    def _readme(self) -> str:
        names = [name for credential in self.service.credentials for name in credential.variables]
        secrets = ""
        if names:
            listed = "\n".join(f"    export {name}=..." for name in names)
            secrets = f"\nThe service wants to know who asks. Set before a run:\n\n{listed}\n"
        title = sentence(self.service.title, 60)
        return README.format(title=title, scenario=self.name, environment=self.environment, secrets=secrets)

    def _pyproject(self) -> str:
        return "# Marks this folder as a project of loadtest: its commands work from here and from below.\n[tool.loadtest]\n"

    def _environment(self) -> str:
        values = yaml.safe_dump({"base_url": self.base_url, "health": self.health_path}, sort_keys=False, width=1_000)
        return (
            "# Where the load goes.\n"
            f"{values}"
            "# Before each run this path must answer 2xx; for a service of many parts, choose one that asks all of them.\n"
            "max_users: 50\n"
        )

    def _schedule(self) -> str:
        values = {"scenario": self.name, "environment": self.environment, "profile": "light", "cron": "0 2 * * MON"}
        return (
            f"# On Airflow: the DAG load_test__{self.name}. Times are UTC unless a timezone says otherwise.\n"
            + yaml.safe_dump(values, sort_keys=False)
        )

    def _scenario(self) -> str:
        purpose = f"What users of {sentence(self.service.title, 60)} do."
        return yaml.safe_dump({"purpose": purpose}, sort_keys=False, width=1_000, allow_unicode=True)


def requirement() -> str:
    """This very package for pip, where it came from an address that others can reach."""
    package = distribution("loadtest")
    origin = json.loads(package.read_text("direct_url.json") or "{}")
    if "vcs_info" in origin:
        return f"loadtest @ {origin['vcs_info']['vcs']}+{origin['url']}@{origin['vcs_info']['commit_id']}\n"
    if origin.get("url", "").startswith("https://"):
        return f"loadtest @ {origin['url']}\n"
    own = "# It was installed from this machine: put in from where CI can have it, such as loadtest @ git+https://...\n"
    return (own if origin else "") + f"loadtest=={package.version}\n"


def require_empty(folder: Path) -> None:
    """A folder that does not exist, or holds nothing but a repository."""
    if folder.is_file():
        raise ConfigurationError(f"{folder} is a file; choose a name for a new folder.")
    if folder.is_dir() and (there := sorted(path.name for path in folder.iterdir() if path.name != ".git")):
        raise ConfigurationError(f"{folder} is not empty (it holds {there[0]}); choose a new folder, or delete it first.")
