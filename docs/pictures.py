"""Makes the documentation's pictures from real runs of the sample backend on a real Airflow, one with a slow endpoint.

    python docs/pictures.py            about four minutes; needs Chromium (make system-packages)

Written to docs/images: terminal.svg (what the command printed), report.png and report-narrow.png (the report in Chromium),
dashboard.png (the web app inside Airflow), slack.png (the message that a local server received in Slack's place).
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from io import StringIO
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, expect
from rich.console import Console
from rich.text import Text

ROOT = Path(__file__).resolve().parents[1]
IMAGES = ROOT / "docs" / "images"
LOADTEST = Path(sys.executable).parent / "loadtest"
FAST = ["--profile", "smoke", "--duration", "15s"]
SLOWED = "GET /api/v1/courses"
SLOW = ["--profile", "light", "--users", "6", "--duration", "40s", "--slowdown", f"{SLOWED}=+400ms"]
SHOWN = f"loadtest airflow run --profile light --duration 40s --slowdown '{SLOWED}=+400ms'"
COLUMNS, COLORS = 112, 128
sys.path[:0] = [str(ROOT), str(ROOT / "docs")]


def main() -> None:
    from tests.notifications.http_server import Answer, Server, serve

    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch, serve(Server(lambda _: Answer(body=b"ok"))) as slack:
        home = Path(scratch) / "project"
        shutil.copytree(ROOT / "include", home / "include", ignore=shutil.ignore_patterns("__pycache__", "student_api.json"))
        for name in ("dags", "plugins"):
            (home / name).symlink_to(ROOT / name)
        webhook = {"conn_type": "slackwebhook", "schema": "http", "host": slack.url, "password": "/services/T/B/X"}
        os.environ |= {
            "LOADTEST_HOME": str(home),
            "LOADTEST_SCRATCH": f"{scratch}/scratch",
            "AIRFLOW_CONN_LOADTEST_SLACK": json.dumps(webhook),
            "COLUMNS": str(COLUMNS),
        }
        try:
            airflow("up")
            for load in (FAST, SLOW):
                airflow("run", *load)
            write_terminal(printed(str(home)))
            alerts = [request.body["blocks"] for request in slack.requests]
            alert = next((one for one in alerts if f"{SLOWED} p95" in json.dumps(one)), alerts[-1])
            write_pages(next(home.glob("runs/*/*/light/*/report.html")), alert)
        finally:
            airflow("down")


def airflow(*arguments: str) -> None:
    subprocess.run([LOADTEST, "airflow", *arguments], cwd=ROOT, check=False)


def printed(home: str) -> str:
    colored = os.environ | {"FORCE_COLOR": "1", "TERM": "xterm-256color"}
    text = subprocess.run([LOADTEST, "show", "latest"], env=colored, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return text.replace(f"{home}/", "").replace(str(LOADTEST), "loadtest")


def write_terminal(text: str) -> None:
    console = Console(record=True, width=COLUMNS, file=StringIO(), force_terminal=True)
    console.print(Text(f"$ {SHOWN}", style="bold"))
    console.print(Text.from_ansi(text.rstrip()))
    picture = console.export_svg(title="loadtest", unique_id="terminal")
    picture = re.sub(r"@font-face \{.*?\}\s*", "", picture, flags=re.DOTALL)  # no page asks a server of somebody else for fonts
    (IMAGES / "terminal.svg").write_text(picture.replace("Fira Code", "monospace"), encoding="utf-8")


def write_pages(report: Path, blocks: list[dict[str, object]]) -> None:
    from slack_preview import page as slack_page

    from tests.support.browser import open_browser, watched_page

    with open_browser() as browser:
        for name, width in (("report", 1280), ("report-narrow", 390)):
            with watched_page(browser, width=width) as watched:
                watched.page.goto(report.as_uri())
                watched.draw_all_charts()
                watched.page.screenshot(path=str(IMAGES / f"{name}.png"))
        write_dashboard(browser)
        with watched_page(browser, width=680, height=200) as watched:
            watched.page.set_content(slack_page(blocks))
            watched.page.screenshot(path=str(IMAGES / "slack.png"), full_page=True)
    for picture in IMAGES.glob("*.png"):
        Image.open(picture).convert("RGB").quantize(COLORS).save(picture, optimize=True)


def write_dashboard(browser: Browser) -> None:
    from loadtest.airflow_api.local import USERNAME, LocalAirflow
    from loadtest.settings import settings
    from tests.support.browser import watched_page

    local = LocalAirflow(settings())
    running = local.running()
    assert running is not None, "Airflow is gone"
    with watched_page(browser, width=1280, height=1000) as watched:
        page = watched.page
        page.goto(running.url)
        page.get_by_label("Username").fill(USERNAME)
        page.get_by_label("Password").fill(local.password())
        page.get_by_role("button", name="Sign in").click()
        page.get_by_role("button", name="Browse").wait_for()
        page.goto(f"{running.url}/loadtest/")
        expect(page.locator("#state")).not_to_have_text("Loading…")
        page.screenshot(path=str(IMAGES / "dashboard.png"), full_page=True)


if __name__ == "__main__":
    main()
