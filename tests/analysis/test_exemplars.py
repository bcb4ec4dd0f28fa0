from __future__ import annotations

import json
from pathlib import Path

import pytest

from loadtest.analysis.exemplars import read_exemplars
from loadtest.errors import ConfigurationError
from tests.analysis.builders import START

ONE = {"endpoint": "GET /x", "start": START.isoformat(), "latency_ms": 2.0, "status": 500, "error": "password=hunter2"}


@pytest.mark.parametrize("wrap", [lambda many: many, lambda many: {"schema_version": 1, "exemplars": many}])
def test_both_forms_are_read_slowest_first_and_masked(tmp_path: Path, wrap) -> None:
    path = tmp_path / "exemplars.json"
    path.write_text(json.dumps(wrap([ONE, ONE | {"latency_ms": 7.0}, ONE | {"endpoint": "GET /a"}])))
    found = read_exemplars(path)
    assert [(one.endpoint, one.latency_ms) for one in found] == [("GET /a", 2.0), ("GET /x", 7.0), ("GET /x", 2.0)]
    assert "hunter2" not in str(found)


@pytest.mark.parametrize("text", ["", "[", "[1]", "{}", '{"exemplars": [{}]}', '{"exemplars": [], "schema_version": 9}', "\x00"])
def test_a_damaged_file_is_one_sentence(tmp_path: Path, text: str) -> None:
    path = tmp_path / "exemplars.json"
    path.write_text(text)
    with pytest.raises(ConfigurationError, match=r"exemplars\.json"):
        read_exemplars(path)
