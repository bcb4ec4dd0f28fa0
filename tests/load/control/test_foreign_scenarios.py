"""Locust files of other projects, as they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from loadtest.load.control import run
from loadtest.load.models import StopReason
from tests.load.control.loads import samples_of
from tests.load.plans import folder_of, plan_of
from tests.support.http_server import CountingServer

FOREIGN = Path(__file__).parent / "foreign"


@pytest.mark.parametrize(
    ("name", "endpoints"),
    [
        ("shop", {"POST /login", "GET /item/{id}", "GET /user/{id}/cart", "POST /api/orders [checkout]"}),
        ("forum", {"GET /forum/", "GET /forum/threads/{id}", "GET /forum/archive/{date}"}),
        ("pytest_style", {"GET /", "GET /threads/{id}", "GET /threads/broken"}),
        ("custom_protocol", {"queue publish grades", "queue publish broken", "GET /status/{id}", "CALC think"}),
    ],
)
@pytest.mark.parametrize("load_model", ["closed", pytest.param("open", marks=pytest.mark.slow)])
def test_locust_files_of_strangers_run_unchanged(
    tmp_path: Path, server: CountingServer, name: str, endpoints: set[str], load_model: str
) -> None:
    how = {"users": 6} if load_model == "closed" else {"load_model": "open", "users": 0, "arrivals_per_s": 30}
    plan = plan_of(FOREIGN / f"{name}.py", server.base_url, duration_s=3, **how)
    folder = folder_of(tmp_path / "runs")
    result = run.wait_for_load(run.start_load(plan, folder))
    assert result.stop_reason is StopReason.COMPLETED, result.error
    frame = samples_of(folder)
    found = set(frame.endpoint)
    assert endpoints <= found and len(found) <= 8
    http = frame[frame.endpoint.str.match("GET|POST|PUT")]
    assert len(http) == server.total
    if name == "custom_protocol":
        assert set(frame[frame.endpoint == "queue publish broken"].error) == {"TimeoutError: timed out"}
