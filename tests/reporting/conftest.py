from __future__ import annotations

import pytest

from loadtest.reporting.inputs import RunFiles, read_run
from loadtest.reporting.records import ReportView
from loadtest.reporting.view import build_view
from loadtest.run_folder import RunFolder
from tests.support.run_folders import build_run_folder, make_baseline_runs, make_trend


@pytest.fixture
def run_of(tmp_path):
    """A run's files as read back from a synthetic folder, with a baseline and a trend beside them."""

    def make(**options: object) -> RunFiles:
        folder: RunFolder = build_run_folder(tmp_path, **options)
        return read_run(folder, baseline=make_baseline_runs(), trend=make_trend())

    return make


@pytest.fixture
def view_of(run_of):
    def make(**options: object) -> ReportView:
        return build_view(run_of(**options))

    return make
