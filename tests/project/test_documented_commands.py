"""The commands of the README and the documentation do what they say: page by page, in a fresh clone, in one shell.

What is not run, or not as it stands, says so beside it: `python -m tests.support.documented_commands` lists that.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from loadtest.processes import ProcessIdentity, free_port, stop_group
from tests.support.documented_commands import PAGES, ROOT, SHELL, TUTORIAL, Block, blocks, shell_elsewhere
from tests.support.waiting import until

SECONDS = 1_500
WITH_COMMANDS = [page for page in PAGES if blocks(page) and str(page.relative_to(ROOT)) != TUTORIAL]
BIN = Path(sys.executable).parent


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_each_command_is_in_a_block_that_is_run(page: Path) -> None:
    assert not shell_elsewhere(page), "put commands into a ```sh block"


def test_what_is_not_run_as_it_stands_says_why() -> None:
    differences = [(block, one) for page in PAGES for block in blocks(page) for one in block.differences]
    for block, one in differences:
        where = f"{block.page}:{block.line}"
        assert len(one.reason) > 15 or one.kind == "needs a service", where
        assert any(one.concerns(line) for line in block.commands), f"{where}: no command begins with {one.beginning!r}"
        for path in re.findall(r"\btests/[\w./]+\.py", one.reason):
            assert (ROOT / path).exists(), f"{where}: {path}"
    comments = sum(len(re.findall(r"^<!-- (?:not run|run with|exits|needs)", page.read_text(), re.MULTILINE)) for page in PAGES)
    assert comments == len(differences), "a comment that no block follows, or that cannot be read"


def test_a_block_becomes_a_script() -> None:
    """Only what a comment names differs."""
    page = ROOT / "docs" / "baselines.md"
    collect, show, *_ = (line for line in blocks(page)[1].script() if line.startswith("echo"))
    assert "--runs 3" in collect and "--runs 3" not in show
    assert SHELL.match("loadtest run") and not SHELL.match("loadtest: 1 of 8 runs should not")


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A fresh clone with what is changed here, and the environment that is installed already."""
    folder = tmp_path / "clone"
    subprocess.run(["git", "clone", "-q", ROOT, folder], check=True)
    subprocess.run(["git", "checkout", "-q", "-B", "main"], cwd=folder, check=True)
    listing = ["git", "ls-files", "-z", "--modified", "--others", "--exclude-standard"]
    changed = subprocess.run(listing, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    for name in filter(None, changed.split("\0")):
        if (ROOT / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
        else:
            (folder / name).unlink()
    subprocess.run(["git", "add", "--all"], cwd=folder, check=True)
    identity = ["-c", "user.name=ada", "-c", "user.email=ada@example.com"]
    subprocess.run(["git", *identity, "commit", "-q", "--allow-empty", "-m", "As it is here"], cwd=folder, check=True)
    (folder / ".venv").symlink_to(BIN.parent)
    for name in ("requirements.txt", "requirements-dev.txt", "pyproject.toml"):  # else make would install this clone there
        os.utime(folder / name, (0, 0))
    return folder


@pytest.fixture
def service(clone: Path) -> Iterator[int]:
    """The tutorial's service, which wants no login; its port."""
    source = re.search(r"^cat > shop\.py <<'END'\n(.*?)^END$", (ROOT / TUTORIAL).read_text(), re.MULTILINE | re.DOTALL)
    assert source
    (clone.parent / "shop.py").write_text(source[1])
    port = free_port()
    process = subprocess.Popen([sys.executable, "shop.py", str(port)], cwd=clone.parent, start_new_session=True)
    try:
        until(lambda: _answers(port, process), "the shop's health check")
        yield port
    finally:
        stop_group(ProcessIdentity.of(process.pid))


def _answers(port: int, process: subprocess.Popen[bytes]) -> bool:
    assert process.poll() is None, "the shop ended"
    try:
        return requests.get(f"http://127.0.0.1:{port}/health", timeout=5).ok
    except requests.RequestException:
        return False


def environment_of(clone: Path) -> dict[str, str]:
    theirs = ("LOADTEST_", "AIRFLOW", "VIRTUAL_ENV", "MAKE", "MFLAGS", "PYTEST")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(theirs)}
    person = {f"GIT_{who}_{what}": "ada@example.com" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    return kept | person | {
        "LOADTEST_HOST_LOCK": os.environ["LOADTEST_HOST_LOCK"],
        "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(clone / "plugins"),
        "COLUMNS": "100",
    }  # fmt: skip


NEWEST = """
newest_run() {
  loadtest history list --format json |
    python -c 'import json, sys; print(json.load(sys.stdin)[int(sys.argv[1])]["run_id"])' "$1"
}
"""
SHORT_RUN = "loadtest run --profile smoke --users 2 --duration 8s >/dev/null 2>&1"
PLACEHOLDERS = {"RUN": '"$(newest_run 0)"', "A": '"$(newest_run 1)"', "B": '"$(newest_run 0)"'}


def script_of(found: list[Block], port: int | None) -> str:
    """`RUN`, `A` and `B` stand for runs: of two that are made first, or of what the page itself did meanwhile."""
    body = "\n".join(line for block in found for line in block.script())
    commands = "\n".join(re.sub(r"\s#.*", "", line) for line in body.splitlines() if not line.startswith("echo"))
    if re.search(r"(?<![\w-])(RUN|A|B)(?![\w-])", commands):
        body = "\n".join(line if line.startswith("echo") else _with_runs(line) for line in body.splitlines())
        body = f"{SHORT_RUN}\n{SHORT_RUN}\n{body}"
    if port:
        body = body.replace("127.0.0.1:8000", f"127.0.0.1:{port}")
    return f"set -u\n{NEWEST}\n{body}\n"


def _with_runs(line: str) -> str:
    return re.sub(r"(?<= )(RUN|A|B)(?= |$)", lambda match: PLACEHOLDERS[match[1]], line)


@pytest.mark.slow
@pytest.mark.timeout(SECONDS + 60)
@pytest.mark.parametrize("page", WITH_COMMANDS, ids=name_of)
def test_the_commands_of_a_page_work(page: Path, clone: Path, request: pytest.FixtureRequest) -> None:
    found = blocks(page)
    needs_service = any(one.kind == "needs a service" for block in found for one in block.differences)
    port = request.getfixturevalue("service") if needs_service else None
    script = script_of(found, port)
    if not any(line.startswith("echo") for line in script.splitlines()):
        pytest.skip("no command of this page can be run here; the page says why")
    shell = subprocess.Popen(
        ["bash", "-c", script],
        cwd=clone, env=environment_of(clone), text=True, start_new_session=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    identity = ProcessIdentity.of(shell.pid)
    try:
        output, _ = shell.communicate(timeout=SECONDS)
    finally:
        stop_group(identity)
        down = [BIN / "loadtest", "airflow", "down"]
        subprocess.run(down, cwd=clone, env=environment_of(clone), capture_output=True, check=False)
    print(output)
    assert shell.returncode == 0, output[-6_000:]
    assert "Traceback (most recent call last)" not in output, output[-6_000:]  # a crash exits 1, as a failed verdict does
