"""The bucket of the runs root, on a real S3 server."""

import pytest

from loadtest.deployment import bucket
from loadtest.settings import settings
from tests.support.s3 import BUCKET, S3Server


def test_a_bucket_that_is_not_there_is_made_and_one_that_is_there_is_left_alone(
    s3: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("loadtest-new", BUCKET):
        monkeypatch.setenv("LOADTEST_RUNS_ROOT", f"s3://{name}/runs")
        assert bucket.main() == 0
        assert bucket.main() == 0
        path = settings().runs_root / "file"
        path.write_text("here")
        assert path.read_text() == "here"
        path.unlink()


def test_a_storage_that_is_away_is_one_sentence(
    s3: S3Server, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LOADTEST_RUNS_ROOT", "s3://loadtest-away/runs")
    s3.stop()
    try:
        assert bucket.main() == 2
    finally:
        s3.start()
    assert "s3://loadtest-away/runs cannot be made" in capsys.readouterr().err


def test_a_folder_needs_nothing(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOADTEST_RUNS_ROOT", str(tmp_path / "runs"))
    assert bucket.main() == 0
    assert not (tmp_path / "runs").exists()
