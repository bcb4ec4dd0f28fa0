"""The files of a project folder: what `loadtest` needs to work on it, and what a repository of it needs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import yaml

from loadtest.errors import ConfigurationError
from loadtest.files import write_text
from loadtest.scaffolding.locustfile import write_locustfile
from loadtest.scaffolding.python_text import sentence
from loadtest.scaffolding.service import Service

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

| | |
| --- | --- |
| `include/scenarios/{scenario}/locustfile.py` | what users do; plain Locust |
| `include/scenarios/{scenario}/targets.yaml` | what is fast enough |
| `include/environments/{environment}.yaml` | where the load goes |
| `include/profiles/` | how much load; empty: the built-in ones (`loadtest profiles`) |
| `include/baselines/` | accepted reference runs (`loadtest baseline collect`) |
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
            "requirements.txt": "loadtest\n",
            ".gitignore": GITIGNORE,
            ".github/workflows/load-tests.yml": WORKFLOW,
            f"include/environments/{self.environment}.yaml": self._environment(),
            f"include/scenarios/{self.name}/scenario.yaml": self._scenario(),
            f"include/scenarios/{self.name}/locustfile.py": write_locustfile(self.service),
            "include/profiles/.gitkeep": "",
            "include/baselines/.gitkeep": "",
        }
        for name, text in files.items():
            write_text(self.folder / name, text)
        return [self.folder / name for name in files]

    def rewrite_locustfile(self, service: Service) -> None:
        write_text(self.scenario_folder / "locustfile.py", write_locustfile(service))

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
        values = yaml.safe_dump({"base_url": self.base_url, "health_path": self.health_path}, sort_keys=False, width=1_000)
        return (
            "# Where the load goes.\n"
            f"{values}"
            "# Before each run this path must answer 2xx; for a service of many parts, choose one that asks all of them.\n"
            "max_users: 50\n"
        )

    def _scenario(self) -> str:
        purpose = f"What users of {sentence(self.service.title, 60)} do."
        return yaml.safe_dump({"purpose": purpose}, sort_keys=False, width=1_000, allow_unicode=True)


def require_empty(folder: Path) -> None:
    """A folder that does not exist, or holds nothing but a repository."""
    if folder.is_file():
        raise ConfigurationError(f"{folder} is a file; choose a name for a new folder.")
    if folder.is_dir() and (there := sorted(path.name for path in folder.iterdir() if path.name != ".git")):
        raise ConfigurationError(f"{folder} is not empty (it holds {there[0]}); choose a new folder, or delete it first.")
