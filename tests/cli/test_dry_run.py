"""`loadtest run --dry-run`: each task once, shown, and nothing kept."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.http_server import CountingServer, counting_server
from tests.support.small_include import build_include, write

PLUGINS = Path(__file__).parents[2] / "plugins"
LOCUSTFILE = """
import os

from locust import FastHttpUser, HttpUser, SequentialTaskSet, constant, tag, task


class Visitor(FastHttpUser):
    wait_time = constant(600)

    def on_start(self):
        self.client.post("/login", json={"user": "ada", "password": "correct-horse-7"})

    @task(3)
    def list_items(self):
        self.client.get("/items?page=2", headers={"X-Shop": os.environ["SHOP_TOKEN"]})

    @task
    class Checkout(SequentialTaskSet):
        @task
        def fill(self):
            self.client.post("/cart", data={"item": 17}, name="fill the cart")

        @task
        def leave(self):
            self.interrupt()


class Other(HttpUser):
    weight = 9

    @task
    def elsewhere(self):
        self.client.get("http://elsewhere.example/track")

    @tag("broken")
    @task
    def broken(self):
        with self.client.get("/items/17", catch_response=True) as answer:
            assert answer.json()["price"] == 3
"""


@pytest.fixture
def shop(tmp_path: Path):
    include = build_include(tmp_path)
    (include / "scenarios/toy/locustfile.py").write_text(LOCUSTFILE)
    (include / "scenarios/toy/scenario.yaml").write_text("secrets: {SHOP_TOKEN: }\n")
    with counting_server() as server:
        write(include / "environments/shop.yaml", {"base_url": server.base_url, "headers": {"X-Env": "shop"}})
        yield server


def dry_run(root: Path, *options: str) -> subprocess.CompletedProcess[str]:
    kept = ("LOADTEST_HOST_LOCK",)
    environment = {name: value for name, value in os.environ.items() if name in kept or not name.startswith("LOADTEST_")}
    environment |= {"LOADTEST_HOME": str(root), "PYTHONPATH": str(PLUGINS), "SHOP_TOKEN": "tok-91x-very-secret"}
    command = [sys.executable, "-c", "from loadtest.cli import main; main()", "run", "--scenario", "toy", "--dry-run", *options]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def assert_nothing_is_kept(root: Path) -> None:
    assert not (root / "runs").exists() or not list((root / "runs").rglob("*.json"))
    assert not list(root.rglob("history*.db")) and not list(root.rglob("dry-run-*"))


def test_each_task_once_with_what_was_sent_and_answered(tmp_path: Path, shop: CountingServer) -> None:
    shop.control.body = b'{"session_token": "abc-shop-123", "note": "\x1b[2Jhi \x07"}'
    shop.control.headers = {"Set-Cookie": "sid=topsecretcookie"}
    done = dry_run(tmp_path, "--environment", "shop")
    said = done.stdout
    assert done.returncode == 1, said + done.stderr
    sent = {key: count for key, count in shop.counts.items() if key[1] != "/health"}
    assert sent == {("POST", "/login"): 1, ("GET", "/items"): 1, ("POST", "/cart"): 1, ("GET", "/items/17"): 1}
    assert "Visitor.on_start\n" in said and "Visitor.fill\n" in said
    assert f"GET {shop.base_url}/items?page=2: 200, " in said
    assert f"POST {shop.base_url}/cart (named fill the cart): 200, " in said
    assert "> X-Env: shop" in said and "> item=17" in said
    assert "not sent to http://elsewhere.example:80" in said and "allowed_hosts" in said
    assert "failed: locustfile.py, line 39: requests.exceptions.JSONDecodeError" in said
    assert said.rstrip().endswith("Dry run of Visitor, Other: 5 requests, 2 failed; 1 exception. Nothing was kept.")
    for secret in ("correct-horse-7", "tok-91x-very-secret", "abc-shop-123", "topsecretcookie"):
        assert secret not in said + done.stderr
    assert "\x1b" not in said and "\\x1b[2Jhi \\x07" in said
    assert_nothing_is_kept(tmp_path)


def test_all_well_exits_0_and_programs_get_json(tmp_path: Path, shop: CountingServer) -> None:
    (tmp_path / "include/scenarios/toy/locustfile.py").write_text("def test_items(session):\n    session.get('/items')\n")
    done = dry_run(tmp_path, "--environment", "shop", "--format", "json")
    assert done.returncode == 0, done.stdout + done.stderr
    (step,) = json.loads(done.stdout)["steps"]
    assert (step["user"], step["method"], step["status"]) == ("test_items", "GET", 200)
    assert step["body"] == '{"ok": true}'
    assert shop.counts["GET", "/items"] == 1
    assert_nothing_is_kept(tmp_path)


def test_a_backend_of_ours_is_started_and_stopped(tmp_path: Path) -> None:
    build_include(tmp_path)
    done = dry_run(tmp_path, "--environment", "healthy")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 requests, none failed." in done.stdout
    assert_nothing_is_kept(tmp_path)


@pytest.mark.parametrize(
    ("locustfile", "words", "code"),
    [
        ("import locust\n", "defines no user class", 2),
        (
            "from locust import HttpUser, task\nclass Idle(HttpUser):\n    @task\n    def rest(self): ...\n",
            "no request was made",
            1,
        ),
        (
            "from locust import HttpUser, task\nclass Loop(HttpUser):\n    @task\n    def turn(self):\n"
            "        while True:\n            self.client.get('/items')\n",
            "200 requests were made",
            1,
        ),
    ],
)
def test_what_is_no_turn_says_so(tmp_path: Path, shop: CountingServer, locustfile: str, words: str, code: int) -> None:
    (tmp_path / "include/scenarios/toy/locustfile.py").write_text(locustfile)
    done = dry_run(tmp_path, "--environment", "shop")
    assert done.returncode == code, done.stdout + done.stderr
    assert words in " ".join((done.stdout + done.stderr).split())
    assert "Traceback" not in done.stderr
    assert shop.counts["GET", "/items"] <= 200
    assert_nothing_is_kept(tmp_path)
