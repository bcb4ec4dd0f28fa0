from pathlib import Path

import pytest

from loadtest.settings import Settings, settings


@pytest.fixture
def include(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small `include/` of its own: one profile, a local and a guarded environment, one scenario."""
    root = tmp_path / "include"
    for folder in ("profiles", "environments", "scenarios/shop", "baselines"):
        (root / folder).mkdir(parents=True)
    (root / "profiles/smoke.yaml").write_text(
        "purpose: quick look\nusers: 5\nspawn_rate: 5\nduration: 30s\nevidence: indicative\n"
    )
    (root / "profiles/medium.yaml").write_text("purpose: usual\nusers: 50\nspawn_rate: 5\nduration: 10m\n")
    (root / "environments/local.yaml").write_text(
        "backend:\n  command: [python, server.py, '{port}']\nallows_slowdown: true\nmax_users: 100\n"
    )
    (root / "environments/production.yaml").write_text(
        "base_url_variable: SHOP_URL\nbase_url_connection: shop\nneeds_approval: true\nallowed_profiles: [smoke]\n"
    )
    (root / "scenarios/shop/scenario.yaml").write_text("purpose: shoppers\n")
    (root / "scenarios/shop/locustfile.py").write_text("from locust import HttpUser\n")
    (root / "scenarios/shop/targets.yaml").write_text("endpoints:\n  GET /items: {p95_ms: 100}\ntotal: {error_rate: 1%}\n")
    monkeypatch.setenv("LOADTEST_HOME", str(tmp_path))
    monkeypatch.delenv("SHOP_URL", raising=False)
    return root


@pytest.fixture
def config(include: Path) -> Settings:
    return settings()
