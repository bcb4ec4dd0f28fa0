"""Where a run and what belongs to it are found."""

from __future__ import annotations

from pathlib import Path

import pytest
from upath import UPath

from loadtest.run_folder import RunFolder


@pytest.mark.parametrize("run_id", ["push--shop-fix-confirm-1-dialog--abc123", "push--confirm-page--abc123"])
def test_a_branch_that_confirms_something_makes_no_confirmation(tmp_path: Path, run_id: str) -> None:
    run = RunFolder.of(tmp_path, "shop", "staging", "smoke", run_id)
    assert not run.is_confirmation
    assert run.confirmation(2).is_confirmation
    assert run.confirmation(2).path.parent == run.path.parent
    assert run.confirmation(2).owner.path == run.base.owner.path == run.owner.path == run.path


def test_the_runs_root_of_runs_and_of_refused_requests(tmp_path: Path) -> None:
    assert RunFolder.of(tmp_path, "shop", "staging", "smoke", "r").runs_root == UPath(tmp_path)
    assert RunFolder.refused(tmp_path, "r").runs_root == UPath(tmp_path)
