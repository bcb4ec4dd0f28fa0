"""Makes the pictures of the documentation from a real run: the sample backend with one endpoint slowed down.

    python docs/pictures.py            about a minute and a half; needs Chromium (make system-packages)

Written to docs/images: terminal.svg (what the command printed), report.png and report-narrow.png (the report in Chromium).
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from io import StringIO
from pathlib import Path

from rich.console import Console
from rich.text import Text

ROOT = Path(__file__).resolve().parents[1]
IMAGES = ROOT / "docs" / "images"
LOADTEST = Path(sys.executable).parent / "loadtest"
RUN = ["run", "--profile", "light", "--users", "6", "--duration", "40s", "--slowdown", "GET /api/v1/courses=+400ms"]
SHOWN = "loadtest run --profile light --duration 40s --slowdown 'GET /api/v1/courses=+400ms'"
COLUMNS = 112
sys.path.insert(0, str(ROOT))


def main() -> None:
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        runs = Path(scratch) / "runs"
        places = {"LOADTEST_RUNS_ROOT": str(runs), "LOADTEST_SCRATCH": f"{scratch}/scratch", "COLUMNS": str(COLUMNS)}
        subprocess.run([LOADTEST, *RUN], env=os.environ | places, cwd=ROOT, capture_output=True, check=False)
        shown = [LOADTEST, "show", "latest"]
        colored = os.environ | places | {"FORCE_COLOR": "1", "TERM": "xterm-256color"}
        printed = subprocess.run(shown, env=colored, cwd=ROOT, capture_output=True, text=True, check=False).stdout
        write_terminal(printed.replace(str(runs), "runs").replace(str(LOADTEST), "loadtest"))
        write_report(next(runs.rglob("report.html")))


def write_terminal(printed: str) -> None:
    console = Console(record=True, width=COLUMNS, file=StringIO(), force_terminal=True)
    console.print(Text(f"$ {SHOWN}", style="bold"))
    console.print(Text.from_ansi(printed.rstrip()))
    picture = console.export_svg(title="loadtest", unique_id="terminal")
    picture = re.sub(r"@font-face \{.*?\}\s*", "", picture, flags=re.DOTALL)  # no page asks a server of somebody else for fonts
    (IMAGES / "terminal.svg").write_text(picture.replace("Fira Code", "monospace"), encoding="utf-8")


def write_report(report: Path) -> None:
    from tests.support.browser import open_browser, watched_page

    with open_browser() as browser:
        for name, width in (("report", 1280), ("report-narrow", 390)):
            with watched_page(browser, width=width) as watched:
                watched.page.goto(report.as_uri())
                watched.draw_all_charts()
                watched.page.screenshot(path=str(IMAGES / f"{name}.png"))


if __name__ == "__main__":
    main()
