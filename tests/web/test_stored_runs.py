"""The dashboard on object storage: the same rows, for a number of requests that does not grow with the finished runs."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
import s3fs
from upath import UPath

from loadtest.settings import Settings
from loadtest.web.runs import _finished_row, _listed, find_run, overview
from tests.support.run_folders import build_run_folder
from tests.support.s3 import BUCKET, S3Server, s3, s3_server  # noqa: F401 (fixtures)


@pytest.fixture
def stored(s3: S3Server, tmp_path: Path) -> Settings:  # noqa: F811
    """Four runs in a bucket, a confirmation, and a refused request."""
    local = tmp_path / "runs"
    for number, outcome in enumerate(("pass", "fail", "invalid", "pass")):
        build_run_folder(local, outcome=outcome, run_id=f"run-{number}")
    build_run_folder(local, run_id="run-1-confirm-1")
    build_run_folder(local, refused="Unknown profile 'x'.", run_id="bad")
    s3fs.S3FileSystem().put(str(local), f"{BUCKET}/runs", recursive=True)
    _listed.cache_clear()
    _finished_row.cache_clear()
    return Settings(tmp_path, tmp_path / "include", UPath(f"s3://{BUCKET}/runs"), tmp_path / "scratch", "sqlite:///unused")


@pytest.fixture
def requests(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Calls of the S3 client, counted where it sends them."""
    counted: Counter[str] = Counter()
    send = s3fs.S3FileSystem._call_s3

    async def counting(self, method, *arguments, **options):
        counted[method] += 1
        return await send(self, method, *arguments, **options)

    monkeypatch.setattr(s3fs.S3FileSystem, "_call_s3", counting)
    return counted


def test_the_rows_are_those_of_folders(stored: Settings) -> None:
    rows = {row["run_id"]: row["label"] for row in overview(stored, 30)["runs"]}
    assert rows == {"run-0": "Pass", "run-1": "Fail", "run-2": "Invalid", "run-3": "Pass", "bad": "Not run"}
    assert [series["series"] for series in overview(stored, 30)["series"]] == ["example / staging / medium"]


def test_a_finished_run_is_read_once_and_a_page_is_one_listing(stored: Settings, requests: Counter[str]) -> None:
    overview(stored, 30)
    requests.clear()
    overview(stored, 30)
    _listed.cache_clear()
    overview(stored, 30)
    assert sum(requests.values()) <= 2  # a listing each, or none while the last one is young
    assert set(requests) <= {"list_objects_v2"}


def test_a_run_is_found_by_its_id(stored: Settings) -> None:
    run = find_run(stored, "run-2")
    assert run is not None and run.folder.run_id == "run-2"
    assert find_run(stored, "none") is None
