"""Every load generator that some file names has its pool."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from loadtest.deployment import pools
from tests.support.small_include import build_include


def test_the_pools_of_all_load_generators(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    include = build_include(tmp_path)
    (include / "environments" / "europe.yaml").write_text("base_url: http://127.0.0.1:1\nload_generator: eu\n")
    monkeypatch.setenv("LOADTEST_HOME", str(tmp_path))
    pools.main()
    made = json.loads(capsys.readouterr().out)
    assert list(made) == ["load_generator", "load_generator-eu"]
    assert all(pool["slots"] == 1 and pool["include_deferred"] is True for pool in made.values())
