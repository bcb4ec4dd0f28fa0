"""Object storage, S3's protocol over a real connection: folders where there are none, and trouble that looks like trouble."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest
from upath import UPath

from loadtest.errors import ConfigurationError
from loadtest.files import is_local, write_text
from loadtest.history.rebuild import run_folders
from loadtest.run_folder import RunFolder
from loadtest.storage import StorageError, StoredPath
from tests.support.run_folders import build_run_folder
from tests.support.s3 import BUCKET
from tests.support.storages import Storage, storage, storage_server  # noqa: F401 (fixtures)
from tests.support.waiting import until


@pytest.fixture
def root(storage: Storage) -> UPath:  # noqa: F811
    return UPath(f"{storage.url}/runs")


def test_a_path_in_a_bucket_is_ours_and_so_are_those_below(root):
    assert isinstance(root, StoredPath) and isinstance(root / "a" / "b", StoredPath)
    assert not is_local(root)


def test_a_folder_without_files_is_not_there(root):
    assert not root.exists() and not root.is_dir()
    assert root.folders() == [] and root.files_below() == {}
    assert RunFolder(root / "a/b/c/run").attempts() == []
    with pytest.raises(FileNotFoundError):
        list(root.iterdir())
    with pytest.raises(FileNotFoundError):
        (root / "none.json").read_text()
    (root / "none.json").unlink(missing_ok=True)


def test_what_is_written_is_listed_at_once_also_what_another_process_wrote(root):
    write_text(root / "a" / "one.txt", "1")
    assert [path.name for path in (root / "a").iterdir()] == ["one.txt"]
    type(root.fs)(**root.storage_options, skip_instance_cache=True).pipe_file(f"{BUCKET}/runs/a/two.txt", b"2")
    assert sorted(path.name for path in (root / "a").iterdir()) == ["one.txt", "two.txt"]
    assert sorted(root.files_below()) == ["a/one.txt", "a/two.txt"]
    assert (root / "a" / "one.txt").files_below() == {}
    assert [path.name for path in root.glob("*/one.txt")] == ["one.txt"]


def test_a_file_is_read_line_by_line_with_a_limit(root):
    write_text(root / "log", "first\n" + "x" * 100 + "\nlast")
    with (root / "log").open("rb") as stream:
        assert stream.readline(1 << 16) == b"first\n"
        assert stream.readline(10) == b"x" * 10
        stream.seek(0)
        assert stream.read().endswith(b"last")
    with (root / "log").open() as text:
        assert text.readline() == "first\n"


def test_a_rename_leaves_one_file(root):
    write_text(root / "state.json", "{")
    (root / "state.json").rename(root / "state.json.damaged")
    assert sorted(path.name for path in root.iterdir()) == ["state.json.damaged"]


def test_a_large_file_is_uploaded(root, tmp_path):
    source = tmp_path / "samples"
    source.write_bytes(b"0123456789" * 100_000)
    (root / "samples").upload(source)
    assert (root / "samples").stat().st_size == 1_000_000


def test_nothing_is_opened_for_writing(root):
    with pytest.raises(OSError, match="reading only"):
        (root / "x").open("wb")


def test_run_folders_are_found(root, tmp_path):
    local = build_run_folder(tmp_path)
    folder = RunFolder.of(root, "example", "staging", "medium", local.run_id)
    for path in Path(str(local.path)).iterdir():
        if path.is_file():
            (folder.path / path.name).upload(path)
    assert [one.run_id for one in run_folders(root)] == [local.run_id]


def test_a_storage_that_does_not_answer_is_trouble_and_never_an_absence(root, storage):  # noqa: F811
    (root / "there").write_bytes(b"1")
    storage.stop()
    try:
        for question in (
            root.exists,
            (root / "there").read_bytes,
            lambda: list(root.iterdir()),
            RunFolder(root / "a/b/c/run").attempts,
            lambda: (root / "new").write_bytes(b"2"),
        ):
            with pytest.raises(StorageError, match=f"{storage.url}/runs.*did not answer"):
                question()
    finally:
        storage.start()
    until(lambda: answered(root / "there"), "the storage is whole again")
    assert (root / "there").read_bytes() == b"1"


def answered(path: UPath) -> bool:
    try:
        return path.exists() and path.read_bytes() is not None
    except StorageError:
        return False


@pytest.mark.skipif(find_spec("gcsfs") is not None, reason="it is installed")
def test_a_storage_without_its_package_says_what_to_install():
    with pytest.raises(ConfigurationError, match=r"install loadtest\[gcs\]"):
        UPath("gs://bucket/runs").exists()
