"""The packages of a scenario's requirements.txt, in a folder of their own. Locust and what it needs stay ours, so a scenario
never changes how load is sent or measured; of everything else a scenario gets the versions that it lists.

Installed once for each content of the file (and Python version) below the scratch folder.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
from importlib.metadata import PackageNotFoundError, distribution, distributions
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from loadtest.errors import ConfigurationError, InfrastructureError
from loadtest.locks import locked_file
from loadtest.masking import mask_secrets
from loadtest.settings import settings

REQUIREMENTS = "requirements.txt"
TIMEOUT_S = 600
DONE = ".complete"
# What an installer may need: where packages come from, with which login, through which proxy.
_PASSED_ON = ("PIP_", "UV_", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy", "SSL_CERT_")


def packages_of(scenario_folder: Path) -> Path | None:
    """The folder with the scenario's packages, installed if need be; None where it has no requirements.txt. Raises
    ConfigurationError with what the installer said. Of several that ask at once one installs."""
    requirements = scenario_folder / REQUIREMENTS
    if not requirements.is_file():
        return None
    folder = settings().scratch.resolve() / "packages" / _key(requirements)
    with locked_file(
        folder.with_suffix(".lock"), wait_s=TIMEOUT_S, refusal=f"Somebody else has been installing {folder} for long."
    ):
        if not (folder / DONE).exists():
            shutil.rmtree(folder, ignore_errors=True)
            _install(requirements, folder)
            _remove_ours(folder)
            (folder / DONE).touch()
    os.utime(folder)  # used today, so it stays
    return folder


def _key(requirements: Path) -> str:
    content = requirements.read_bytes() + sysconfig.get_platform().encode() + sys.version.encode()
    return hashlib.sha256(content).hexdigest()[:16]


def _install(requirements: Path, folder: Path) -> None:
    command = [*_installer(), "--target", str(folder), "-r", str(requirements)]
    environment = {
        name: value
        for name, value in os.environ.items()
        if name in ("PATH", "HOME", "LANG", "TMPDIR") or name.startswith(_PASSED_ON)
    }
    try:
        done = subprocess.run(
            command,
            cwd=requirements.parent,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise ConfigurationError(
            f"The packages of {requirements} were not installed within {TIMEOUT_S // 60} minutes; ask for fewer."
        ) from None
    except OSError as error:
        raise InfrastructureError(f"{command[0]} could not be run to install the packages of {requirements}: {error}.") from None
    if done.returncode != 0:
        said = " ".join(mask_secrets(done.stdout).split())[-400:]
        raise ConfigurationError(
            f"The packages of {requirements} could not be installed: {said or 'the installer said nothing'}."
        )


def _remove_ours(folder: Path) -> None:
    """Locust and all that it needs, in whatever versions they came along."""
    ours = _needed_by("locust")
    for package in list(distributions(path=[str(folder)])):
        if canonicalize_name(package.name) in ours:
            for file in package.files or ():
                Path(str(package.locate_file(file))).unlink(missing_ok=True)


def _needed_by(name: str) -> set[str]:
    """Canonical names of an installed package and of what it depends on, as installed here."""
    found: set[str] = set()
    waiting = [canonicalize_name(name)]
    while waiting:
        one = waiting.pop()
        if one in found:
            continue
        found.add(one)
        with contextlib.suppress(PackageNotFoundError):
            needs = map(Requirement, distribution(one).requires or ())
            waiting += [canonicalize_name(need.name) for need in needs if not need.marker or need.marker.evaluate({"extra": ""})]
    return found


def _installer() -> list[str]:
    """uv where it is there, which takes seconds; else pip."""
    beside = Path(sys.executable).parent / "uv"
    uv = str(beside) if beside.exists() else shutil.which("uv")
    if uv:
        return [uv, "pip", "install", "--quiet", "--python", sys.executable]
    return [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]
