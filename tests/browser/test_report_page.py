"""The report in a real Chromium: complaints, requests, widths, color schemes, keyboard, printing."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import pytest
from playwright.sync_api import Browser, expect

from loadtest.reporting.report import write_report
from tests.support.browser import chromium, open_browser, watched_page
from tests.support.run_folders import build_run_folder, make_baseline_runs, make_trend

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(chromium() is None, reason="no Chromium: apt-get install chromium, or set LOADTEST_CHROMIUM"),
]

WIDTHS = {"desktop": 1280, "phone": 390}
CONTRAST = """
() => {
  const parse = (text) => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map((v) => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const color = parse(getComputedStyle(at).backgroundColor);
      if (color.length === 3 || color[3] === 1) return color;
    }
    return [255, 255, 255];
  };
  const poor = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.textContent.trim() || element.closest("svg, script, noscript, option, [aria-hidden]")) continue;
    if (!element.checkVisibility()) continue;
    const [a, b] = [light(parse(getComputedStyle(element).color)), light(behind(element))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) poor.push(`${ratio.toFixed(1)} ${walker.currentNode.textContent.trim().slice(0, 40)}`);
  }
  return poor;
}
"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with open_browser() as started:
        yield started


@pytest.fixture(scope="module")
def reports(tmp_path_factory):
    """Written once: the path of a report by its kind."""
    root = tmp_path_factory.mktemp("runs")
    kinds = {
        "fail": {"outcome": "fail"},
        "pass": {"outcome": "pass"},
        "invalid": {"outcome": "invalid"},
        "inconclusive": {"outcome": "inconclusive"},
        "not-run": {"outcome": None},
        "refused": {"refused": "Unknown profile 'x'."},
        "hostile": {"hostile": True, "failures": 5_000, "failure_causes": 40},
        "long-names": {"endpoints": ["GET /" + "x" * 5_000, "GET /" + "long segment/" * 400, "GET /b"]},
        "no-analysis": {"without": ("analysis",)},
        "large": {"endpoints": 500, "failures": 100_000, "failure_causes": 2_000, "hostile": True},
    }
    paths = {}
    for kind, options in kinds.items():
        folder = build_run_folder(root, run_id=kind, **options)
        compared = kind not in ("not-run", "refused")
        write_report(folder, baseline=make_baseline_runs() if compared else None, trend=make_trend() if compared else None)
        paths[kind] = folder.report
    return paths


def open_report(watched, path):
    watched.page.goto(f"file://{path}")
    watched.draw_all_charts()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS.values(), ids=WIDTHS)
@pytest.mark.parametrize(
    "kind", ["fail", "pass", "invalid", "inconclusive", "not-run", "refused", "hostile", "long-names", "no-analysis", "large"]
)
def test_no_complaint_no_request_no_sideways_scrolling(browser, reports, kind, width, scheme):
    with watched_page(browser, width=width, scheme=scheme) as watched:
        open_report(watched, reports[kind])
        assert watched.problems == []
        assert watched.requests == []
        page = watched.page
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.locator("figure.chart[data-drawn=failed]").count() == 0
        assert page.evaluate("window.hurt") is None
        assert page.evaluate(CONTRAST) == []


def test_the_verdict_is_on_the_first_screen_of_a_phone(browser, reports):
    with watched_page(browser, width=390, height=700) as watched:
        watched.page.goto(f"file://{reports['fail']}")
        for locator in (watched.page.get_by_role("heading", level=1), watched.page.get_by_text("What to do")):
            expect(locator).to_be_in_viewport(ratio=1)


@pytest.mark.parametrize("width", WIDTHS.values(), ids=WIDTHS)
def test_the_endpoint_table_sorts_by_keyboard(browser, reports, width):
    with watched_page(browser, width=width) as watched:
        page = watched.page
        page.goto(f"file://{reports['fail']}")
        table = page.get_by_role("table", name="Steady phase")
        heading = table.get_by_role("columnheader", name="p95")
        heading.get_by_role("button").focus()
        page.keyboard.press("Enter")
        expect(heading).to_have_attribute("aria-sort", "descending")
        values = table.locator("tbody tr td:nth-child(4)").evaluate_all(
            "cells => cells.map((cell) => Number(cell.dataset.value))"
        )
        assert values == sorted(values, reverse=True)
        page.keyboard.press("Space")
        expect(heading).to_have_attribute("aria-sort", "ascending")
        page.keyboard.press("Shift+Tab")
        page.keyboard.press("Shift+Tab")
        page.keyboard.press("Shift+Tab")
        page.keyboard.press("Enter")
        name = table.get_by_role("columnheader", name="Endpoint")
        expect(name).to_have_attribute("aria-sort", "ascending")
        expect(heading).not_to_have_attribute("aria-sort", "ascending")
        names = table.get_by_role("rowheader").all_inner_texts()
        assert names[:-1] == sorted(names[:-1], key=str.casefold)
        assert names[-1] == "All together"


def test_endpoints_can_be_filtered_by_name(browser, reports):
    with watched_page(browser) as watched:
        page = watched.page
        page.goto(f"file://{reports['large']}")
        page.get_by_label("Show endpoints with").fill("resource-48")
        expect(page.get_by_role("status")).to_have_text("11 of 512 shown")
        expect(page.locator("#endpoint-table tbody tr:visible")).to_have_count(11)


def test_an_endpoint_chosen_by_keyboard_changes_the_chart(browser, reports):
    with watched_page(browser) as watched:
        page = watched.page
        open_report(watched, reports["fail"])
        figure = page.locator("#chart-latency")
        lines = figure.locator("svg g.mark-line path").first
        before = lines.get_attribute("d")
        figure.get_by_role("combobox").focus()
        page.keyboard.press("ArrowDown")
        expect(lines).not_to_have_attribute("d", before)
        assert watched.problems == []


def test_a_hostile_name_in_a_tooltip_is_text(browser, reports):
    with watched_page(browser) as watched:
        open_report(watched, reports["hostile"])
        page = watched.page
        page.locator("#chart-server-time svg g.mark-rect path").first.hover()
        tooltip = page.locator("#vg-tooltip-element")
        expect(tooltip).to_be_visible()
        expect(tooltip).to_contain_text("<script>window.hurt=1</script>")
        assert page.evaluate("window.hurt") is None
        assert watched.problems == []


def test_charts_have_names_and_texts_for_those_who_cannot_see_them(browser, reports):
    with watched_page(browser) as watched:
        open_report(watched, reports["fail"])
        figures = watched.page.locator("figure.chart")
        assert figures.count() == 8
        for number in range(figures.count()):
            figure = figures.nth(number)
            assert len(figure.locator("figcaption p").inner_text()) > 40
            assert figure.locator("svg[aria-label], [role=graphics-document][aria-label]").count() >= 1


def test_one_heading_of_the_first_level_and_none_skipped(browser, reports):
    with watched_page(browser) as watched:
        open_report(watched, reports["fail"])
        levels = watched.page.evaluate("[...document.querySelectorAll('h1,h2,h3,h4')].map((h) => Number(h.tagName[1]))")
        assert levels.count(1) == 1
        assert all(after - before <= 1 for before, after in pairwise(levels))


def test_the_report_reads_without_javascript(browser, reports):
    with watched_page(browser, java_script_enabled=False) as watched:
        watched.page.goto(f"file://{reports['fail']}")
        expect(watched.page.get_by_role("heading", level=1)).to_contain_text("Fail")
        expect(watched.page.locator("#endpoint-table tbody tr")).to_have_count(9)
        expect(watched.page.get_by_text("Where scripts may not run")).to_be_visible()


def test_print_is_dark_on_white_even_from_a_dark_screen(browser, reports):
    with watched_page(browser, scheme="dark") as watched:
        open_report(watched, reports["fail"])
        watched.page.emulate_media(media="print")
        assert watched.page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        assert watched.page.evaluate(CONTRAST) == []
        assert len(watched.page.pdf()) > 10_000


def test_a_script_that_slipped_in_would_still_not_run(browser, reports, tmp_path):
    """The policy's last line of defense, with our escaping taken away on purpose."""
    text = (
        reports["fail"].read_text().replace("</main>", "<script>window.hurt=1</script><img src=x onerror='window.hurt=1'></main>")
    )
    broken = tmp_path / "broken.html"
    broken.write_text(text)
    with watched_page(browser) as watched:
        watched.page.goto(f"file://{broken}")
        watched.page.wait_for_load_state("load")
        assert watched.page.evaluate("window.hurt") is None
        assert any("Content Security Policy" in problem for problem in watched.problems)
