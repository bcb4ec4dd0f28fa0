"""The dashboard as a person sees it: a real Chromium, logged in to a real Airflow, on run folders and one real load."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, FrameLocator, Page, expect

from loadtest.airflow_api.client import AirflowClient
from loadtest.airflow_api.local import USERNAME, LocalAirflow
from loadtest.gate.records.verdicts import Verdict
from loadtest.load.control.run import find_live_load
from loadtest.load.models import EndpointProgress, Progress
from loadtest.reporting.report import write_report
from loadtest.run_folder import RunFolder
from loadtest.settings import settings
from loadtest.vocabulary import Outcome
from tests.browser.test_report_page import CONTRAST
from tests.end_to_end.test_scheduler import finish, start, wait_for_load
from tests.support.browser import WatchedPage, chromium, open_browser, watched_page
from tests.support.run_folders import HOSTILE_TEXTS, build_run_folder, clean_surrogates
from tests.support.waiting import until

pytestmark = [
    pytest.mark.airflow,
    pytest.mark.timeout(400),
    pytest.mark.skipif(chromium() is None, reason="no Chromium: apt-get install chromium, or set LOADTEST_CHROMIUM"),
]
MEASURED = ("verdict", "load", "metrics", "analysis", "regression_report")
AIRFLOW_SAYS = "An iframe which has both allow-scripts and allow-same-origin"  # about its own frame
expect.set_options(timeout=20_000)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with open_browser() as started:
        yield started


@pytest.fixture(scope="module")
def session(airflow: AirflowClient, browser: Browser) -> dict:
    """The cookies of somebody who has logged in."""
    with watched_page(browser) as watched:
        log_in(watched.page, airflow)
        return watched.page.context.storage_state()


@pytest.fixture
def runs_root(airflow: AirflowClient) -> Iterator[Path]:
    """The runs root that Airflow knows, empty; other tests' runs are back afterwards."""
    root = Path(str(settings().runs_root))
    aside = root.with_name("runs-of-other-tests")
    root.mkdir(exist_ok=True)
    root.rename(aside)
    root.mkdir()
    yield root
    shutil.rmtree(root)
    aside.rename(root)


def log_in(page: Page, airflow: AirflowClient) -> None:
    page.goto(airflow.url)
    page.get_by_label("Username").fill(USERNAME)
    page.get_by_label("Password").fill(LocalAirflow(settings()).password())
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("button", name="Browse")).to_be_visible()


def framed(page: Page) -> FrameLocator:
    return page.frame_locator("iframe[title='Load tests']")


@contextmanager
def dashboard(browser: Browser, airflow: AirflowClient, session: dict, **options: object) -> Iterator[WatchedPage]:
    """The page itself, without Airflow around it. Nothing in it may complain, run or ask another host."""
    with watched_page(browser, storage_state=session, **options) as watched:
        watched.page.goto(f"{airflow.url}/loadtest/")
        expect(watched.page.locator("#state")).not_to_have_text("Loading…")
        yield watched
        assert watched.problems == []
        assert [url for url in watched.requests if not url.startswith(f"{airflow.url}/")] == []
        assert watched.page.evaluate("window.hurt") is None


def live_run(root: Path, run_id: str = "live", **options: object) -> RunFolder:
    """A run whose load task, as Airflow knows it, sends load."""
    folder = build_run_folder(root, run_id=run_id, without=MEASURED, **options)
    plan = json.loads(folder.plan.read_text())
    plan["trigger"] |= {"airflow_dag_id": "load_test", "airflow_run_id": f"manual__{run_id}"}
    folder.plan.write_text(json.dumps(plan))
    return folder


def write_progress(folder: RunFolder, **changes: object) -> None:
    facts = {
        "stage": "load",
        "elapsed_s": 42,
        "remaining_s": 148,
        "users": 50,
        "requests": 8_300,
        "rps": 198.4,
        "p50_ms": 14.2,
        "p95_ms": 104,
        "failures": 3,
    }
    Progress(**({"run_id": folder.run_id, "updated_at": datetime.now(UTC)} | facts | changes)).write(folder.attempt(1).progress)


def slow_endpoint(name: str) -> EndpointProgress:
    return EndpointProgress(endpoint=name, requests=9, rps=1, p50_ms=1, p95_ms=2, failures=0)


def fact(scope: Page | FrameLocator, name: str):
    return scope.locator("dl div").filter(has=scope.get_by_text(name, exact=True)).locator("dd")


def row_of(scope: Page | FrameLocator, series: str, table: str = "Newest runs"):
    return scope.get_by_role("table", name=table).get_by_role("row").filter(has_text=series).first


def test_a_person_logs_in_finds_the_runs_reads_a_report_and_goes_to_the_dag_run(browser, airflow, runs_root):
    target = f"{airflow.url}/dags/load_test/runs/manual__shown"
    write_report(build_run_folder(runs_root, outcome="fail", airflow_url=target))
    with watched_page(browser) as watched:
        page = watched.page
        log_in(page, airflow)
        watched.problems.clear()  # what Airflow says before the login
        page.get_by_role("button", name="Browse").click()
        page.get_by_role("menuitem", name="Load tests").click()
        row = row_of(framed(page), "example / staging / medium")
        for text in ("✗ Fail", "Nov 23", "101 ms", "ada", "GET /api/v1/students/{id} p95 +31 %"):
            expect(row).to_contain_text(text)
        row.get_by_role("link", name="Report").click()
        expect(framed(page).get_by_role("heading", level=1)).to_contain_text("GET /api/v1/students/{id}")
        page.evaluate("history.back()")  # in the frame: Playwright's go_back waits for the page around it
        row.get_by_role("link", name="DAG run").click()
        page.wait_for_url(target)
        assert [problem for problem in watched.problems if AIRFLOW_SAYS not in problem] == []
        assert {httpx.URL(url).netloc for url in watched.requests if not url.startswith(("data:", "blob:"))} == {
            httpx.URL(airflow.url).netloc
        }


def test_without_login_there_is_nothing(airflow, runs_root):
    folder = build_run_folder(runs_root)
    for path in ("", "static/dashboard.js", "api/runs", f"runs/{folder.run_id}/verdict.json"):
        answer = httpx.get(f"{airflow.url}/loadtest/{path}")
        assert (path, answer.status_code) == (path, 401)
    for path in ("docs", "openapi.json"):
        assert httpx.get(f"{airflow.url}/loadtest/{path}").status_code == 404


def test_progress_changes_as_the_load_goes_on(browser, airflow, session, runs_root):
    folder = live_run(runs_root)
    write_progress(folder)
    with dashboard(browser, airflow, session) as watched:
        page = watched.page
        for name, value in {"Users": "50", "Requests/s": "198", "p95": "104 ms", "Elapsed": "42 s", "Failures": "3"}.items():
            expect(fact(page, name)).to_have_text(value)
        expect(page.get_by_text("Valid so far")).to_be_visible()
        expect(page.get_by_role("progressbar", name="Elapsed time")).to_have_js_property("value", 42)
        page.get_by_text("Stop…").focus()
        busy = "The load generator was busy for 12 % of the time."
        write_progress(folder, elapsed_s=61, remaining_s=129, users=80, rps=240, p95_ms=131, warnings=(busy,))
        for name, value in {"Users": "80", "Requests/s": "240", "p95": "131 ms", "Elapsed": "61 s"}.items():
            expect(fact(page, name)).to_have_text(value)
        expect(page.get_by_text(busy)).to_be_visible()
        expect(page.get_by_text("Valid so far")).to_have_count(0)
        expect(page.get_by_text("p95 since this page was opened, up to 131 ms")).to_be_visible()
        assert page.evaluate("document.activeElement.textContent") == "Stop…"  # the keyboard's place is kept
        verdict = build_run_folder(runs_root, run_id=folder.run_id, outcome="pass")
        write_report(verdict)
        expect(page.get_by_role("heading", name="Running now")).to_be_hidden()
        expect(row_of(page, "example / staging / medium", "Latest verdicts")).to_contain_text("✓ Pass")


def test_hostile_names_are_text(browser, airflow, session, runs_root):
    names = [clean_surrogates(text) for text in HOSTILE_TEXTS]
    build_run_folder(runs_root, outcome="fail", run_id="hostile", endpoints=["GET /first", *names])
    strange = build_run_folder(runs_root, outcome="pass", run_id="strange", scenario="other")
    shutil.copytree(str(strange.path), runs_root / names[1] / "staging" / "light" / "<b>run")
    for number, name in enumerate(names):
        write_progress(live_run(runs_root, f"live-{number}"), endpoints=(slow_endpoint(name),), warnings=(name,), stage=name)
    with dashboard(browser, airflow, session) as watched:
        page = watched.page
        expect(row_of(page, "example / staging / medium", "Latest verdicts")).to_contain_text("<script>window.hurt=1</script>")
        expect(row_of(page, names[1])).to_be_visible()
        expect(page.get_by_role("rowheader", name="<img src=x onerror=window.hurt=1>", exact=True)).to_be_visible()
        expect(page.locator("article")).to_have_count(len(names))
        assert page.locator("main img, main script, main b").count() == 0
        assert not re.search("[\u202e\u2066\x1b]", page.locator("main").inner_text())


def test_an_empty_runs_root_says_what_to_do(browser, airflow, session, runs_root):
    for root in ("there", "gone"):
        if root == "gone":
            runs_root.rmdir()
        with dashboard(browser, airflow, session) as watched:
            expect(watched.page.get_by_role("status")).to_contain_text("No run yet. Trigger the DAG load_test")
            for table in ("Latest verdicts", "Newest runs"):  # what is planned stands there without any run
                expect(watched.page.get_by_role("table", name=table)).to_have_count(0)
    runs_root.mkdir()


def test_damaged_run_folders_are_named_and_hide_nothing(browser, airflow, session, runs_root):
    build_run_folder(runs_root, outcome="pass", scenario="sound")
    for scenario, file in (("torn-verdict", "verdict"), ("torn-metrics", "metrics"), ("torn-plan", "plan")):
        getattr(build_run_folder(runs_root, scenario=scenario, run_id=scenario), file).write_text('{"half')
    build_run_folder(runs_root, scenario="planned", run_id="planned", without=MEASURED).plan.write_bytes(b"\xff\x00")
    no_file = build_run_folder(runs_root, scenario="no-file", run_id="no-file", without=("plan",))
    no_file.plan.mkdir()
    with dashboard(browser, airflow, session) as watched:
        page = watched.page
        expect(row_of(page, "sound / staging / medium")).to_contain_text("✓ Pass")
        for scenario, sign, file in (
            ("torn-verdict", "⊘ Damaged", "verdict.json is not valid JSON"),
            ("torn-metrics", "✗ Fail", "metrics.json is not valid JSON"),
            ("torn-plan", "✗ Fail", "plan.json is not valid JSON"),
            ("planned", "⊘ Damaged", "plan.json cannot be read"),
            ("no-file", "✗ Fail", "plan.json cannot be read"),
        ):
            expect(row_of(page, scenario)).to_contain_text(sign)
            expect(row_of(page, scenario)).to_contain_text(file)
        assert str(runs_root) not in page.locator("main").inner_text()


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_readable_at_every_width_in_either_scheme(browser, airflow, session, runs_root, width, scheme):
    for number, outcome in enumerate(("pass", "inconclusive", "warn", "fail")):
        build_run_folder(runs_root, outcome=outcome, run_id=f"run-{number}")
    build_run_folder(runs_root, outcome="invalid", scenario="long" * 25, run_id="x" * 100)
    build_run_folder(runs_root, outcome=None, scenario="rejected")
    write_progress(live_run(runs_root), warnings=("A warning.",), endpoints=(slow_endpoint("GET /" + "long" * 200),))
    with dashboard(browser, airflow, session, width=width, scheme=scheme) as watched:
        page = watched.page
        expect(page.get_by_role("heading", name="Newest runs")).to_be_visible()
        page.get_by_text("Stop…").click()
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.evaluate(CONTRAST) == []
    with watched_page(browser, storage_state=session, width=width, scheme=scheme) as watched:
        watched.page.goto(f"{airflow.url}/plugin/load-tests")
        expect(framed(watched.page).get_by_role("heading", name="Newest runs")).to_be_visible()
        page_width, room = framed(watched.page).locator("html").evaluate("html => [html.scrollWidth, window.innerWidth]")
        assert page_width <= room


def test_keyboard_and_screen_reader_find_their_way(browser, airflow, session, runs_root):
    for scenario in ("one", "two"):
        for number, outcome in enumerate(("pass", "fail")):
            url = f"{airflow.url}/dags/load_test/runs/{scenario}-{number}"
            write_report(build_run_folder(runs_root, outcome=outcome, scenario=scenario, run_id=f"run-{number}", airflow_url=url))
    write_progress(live_run(runs_root))
    with dashboard(browser, airflow, session) as watched:
        page = watched.page
        expect(page.get_by_role("heading", level=1)).to_have_text("Load tests")
        for region in ("Running now", "Latest verdicts", "Newest runs"):
            expect(page.get_by_role("region", name=region)).to_be_visible()
        levels = page.evaluate("[...document.querySelectorAll('h1,h2,h3')].map((h) => Number(h.tagName[1]))")
        assert levels.count(1) == 1
        assert all(after - before <= 1 for before, after in pairwise(levels))
        chart = page.get_by_role("img", name="p95 of 2 comparable runs, oldest first: 101 ms pass, 101 ms fail")
        expect(chart).to_have_count(2)
        names = (
            page.get_by_role("table", name="Newest runs")
            .get_by_role("link")
            .evaluate_all("links => links.map((link) => link.getAttribute('aria-label'))")
        )
        assert len(set(names)) == len(names) == 8
        reached = []
        for _ in range(20):
            page.keyboard.press("Tab")
            name, outline = page.evaluate(
                "() => { const at = document.activeElement, style = getComputedStyle(at);"
                " return [at.getAttribute('aria-label') || at.textContent, style.outlineStyle + ' ' + style.outlineWidth] }"
            )
            if name in reached:
                break
            reached.append(name)
            assert outline == "solid 2px", name
            if "Report of two / staging / medium, run-1" in name:
                break
        assert reached[0] == "Stop…"
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", level=1)).to_contain_text("became 31 % slower (p95")


def test_who_may_not_stop_a_load_is_told(browser, airflow, session, runs_root):
    write_progress(live_run(runs_root))
    with watched_page(browser, storage_state=session) as watched:
        page = watched.page
        page.route("**/api/v2/**", lambda route: route.fulfill(status=403, json={"detail": "Forbidden"}))
        page.goto(f"{airflow.url}/loadtest/")
        page.get_by_text("Stop…").click()
        page.get_by_role("button", name="Stop the load").click()
        expect(page.get_by_text("Not stopped: your role may not do this.")).to_be_visible()
        expect(page.get_by_role("button", name="Stop the load")).to_be_enabled()


def test_stop_fails_the_load_task_and_the_report_is_still_written(browser, airflow, session, runs_root):
    start(airflow, "manual__stop_button", duration="120s")
    folder = wait_for_load(airflow, "manual__stop_button")
    with watched_page(browser, storage_state=session) as watched:
        page = watched.page
        page.goto(f"{airflow.url}/plugin/load-tests")
        frame = framed(page)
        expect(fact(frame, "Users")).to_have_text("2")
        frame.get_by_text("Stop…").click()
        frame.get_by_role("button", name="Stop the load").click()
        until(lambda: find_live_load(folder) is None, "the load ends", timeout_s=30)
        _, states, _ = finish(airflow, "manual__stop_button")
        assert states["load_test.run_load"] == "failed"
        assert states["cleanup.stop_backend"] == "success"
        assert states["reporting.report"] == "success"
        assert Verdict.read(folder.verdict).outcome is Outcome.INVALID
        row = row_of(frame, "toy / healthy / smoke")
        expect(row).to_contain_text("⊘ Invalid")
        expect(row.get_by_role("link", name="Report")).to_be_visible()
        assert [problem for problem in watched.problems if AIRFLOW_SAYS not in problem] == []
