"""The documentation: it builds without a warning, its links lead somewhere, and what it names exists."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import BaseModel

from loadtest.planning.models import Environment
from loadtest.planning.profiles import Profile
from tests.support.commands import unknown

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
PAGES = sorted([ROOT / "README.md", *ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
WRITTEN = [page for page in PAGES if page.name not in {"commands.md", "CHANGELOG.md"}]
INTERNAL = {  # between our own processes and images; nobody sets them
    "LOADTEST_ARGUMENTS",
    "LOADTEST_BACKEND_DATABASE",
    "LOADTEST_BACKEND_OF",
    "LOADTEST_DATABASE_PASSWORD",
    "LOADTEST_PACKAGES",
    "LOADTEST_RECORDER",
    "LOADTEST_REQUEST_HEADERS",
    "LOADTEST_SCENARIO_DIGEST",
    "LOADTEST_SCENARIO_SECRETS",
    "LOADTEST_SCENARIO_VARIABLES",
    "LOADTEST_WORKER",
    "LOADTEST_WORKER_ALIVE",
}


@pytest.mark.parametrize("model", [Profile, Environment])
def test_the_guide_to_profiles_and_environments_has_a_row_for_each_key(model: type[BaseModel]) -> None:
    rows = re.findall(r"^\| (`[^|]+)\|", (ROOT / "docs" / "profiles.md").read_text(), re.MULTILINE)
    named = {key for row in rows for key in re.findall(r"`(\w+)`", row)}
    keys = set(model.model_json_schema(by_alias=True)["properties"])
    assert keys - {"name"} - named == set()


def test_the_site_builds_without_a_warning(tmp_path: Path) -> None:
    """Strict: a link to a page or heading that is not there fails it."""
    shutil.copytree(ROOT / "docs", tmp_path / "docs")
    shutil.copy(ROOT / "mkdocs.yml", tmp_path)
    done = subprocess.run(
        [BIN / "zensical", "build", "--strict", "--clean"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "No issues found" in done.stdout + done.stderr
    for page in (ROOT / "docs").rglob("*.md"):
        assert (tmp_path / ".site" / page.relative_to(ROOT / "docs").with_suffix(".html")).exists()


def test_the_site_has_every_page_in_its_navigation() -> None:
    listed = set(re.findall(r"[\w/]+\.md", (ROOT / "mkdocs.yml").read_text()))
    assert listed == {str(page.relative_to(ROOT / "docs")) for page in (ROOT / "docs").rglob("*.md")}


def test_the_reference_is_of_today() -> None:
    done = subprocess.run([sys.executable, ROOT / "docs" / "reference.py"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{done.stdout}{done.stderr}run: python docs/reference.py --write"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_to_files_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)\s#]+)(?:#[^)]*)?\)", page.read_text())
    assert not [link for link in links if "://" not in link and not (page.parent / link).exists()]


@pytest.mark.parametrize("page", WRITTEN, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_commands_exist(page: Path) -> None:
    """In code spans and code blocks, with the options that they name; `make` targets too."""
    text = page.read_text()
    code = re.findall(r"`([^`\n]+)`", text) + re.findall(r"^(?: {4,}|\$ )(.+)$", text, re.MULTILINE)
    problems = []
    for line in code:
        if match := re.match(r"(?:[A-Z_]+=\S+ )*(?:\.venv/bin/)?loadtest ((?:[a-z][a-z-]*(?: |$))+)(.*)", line):
            words, rest = match[1].split(), match[2]
            if problem := unknown(" ".join(words), rest.split("#")[0]):
                problems.append(f"{line}: {problem}")
    assert not problems


def test_make_targets_exist() -> None:
    known = set(re.findall(r"^([a-z][a-z-]*)[a-z -]*:", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for line in re.findall(r"^([a-z][a-z -]*):", (ROOT / "Makefile").read_text(), re.MULTILINE):
        known |= set(line.split())
    for page in WRITTEN:
        named = set(re.findall(r"(?:^ {4,}|`)make ([a-z][a-z-]*)", page.read_text(), re.MULTILINE))
        assert named <= known, page


def test_every_environment_variable_is_documented() -> None:
    read = {
        name
        for path in [*(ROOT / "plugins").rglob("*.py"), *(ROOT / "include").rglob("*.y*ml")]
        for name in re.findall(r"\b(?:LOADTEST)_[A-Z_]*[A-Z]\b", path.read_text())
    }
    documented = set(re.findall(r"`(LOADTEST_[A-Z_]+)`", (ROOT / "docs" / "reference" / "variables.md").read_text()))
    assert read - INTERNAL == documented


def test_words_are_spelled_right() -> None:
    done = subprocess.run(
        [BIN / "codespell", "--ignore-words", ROOT / ".codespell-words", "README.md", "docs", "plugins", "include", "benchmarks"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout


def test_every_key_of_a_file_has_a_sentence() -> None:
    """In docs/reference/files.md, which is written from the models: what the key does, as a sentence."""
    rows = re.findall(r"^\| `(\w+)` \|.*\| ([^|]*) \|$", (ROOT / "docs" / "reference" / "files.md").read_text(), re.MULTILINE)
    assert len(rows) > 100
    assert not [key for key, text in rows if not re.fullmatch(r"[A-Z`].{8,}\.", text)]
