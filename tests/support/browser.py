"""A real Chromium for pages of ours, watched: what it complains about and what it asks the network for."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from playwright.sync_api import Browser, Page, sync_playwright

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
DRAWN = "() => [...document.querySelectorAll('figure.chart')].every((figure) => figure.dataset.drawn)"


def chromium() -> str | None:
    """Path of Chromium: LOADTEST_CHROMIUM, or the system's; None where there is none."""
    return os.environ.get("LOADTEST_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")


@contextmanager
def open_browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=list(FLAGS))
        try:
            yield browser
        finally:
            browser.close()


@dataclass
class WatchedPage:
    """`problems`: console messages and uncaught errors; `requests`: everything asked for but the page itself."""

    page: Page
    problems: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def draw_all_charts(self) -> None:
        """Draw also those far below, as printing does, and wait for them."""
        self.page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
        self.page.wait_for_function(DRAWN)


@contextmanager
def watched_page(
    browser: Browser, *, width: int = 1280, height: int = 900, scheme: str = "light", **options: object
) -> Iterator[WatchedPage]:
    """A fresh page in its own context; `scheme`: `light` or `dark`; `options` go to the context."""
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme, **options)
    try:
        watched = WatchedPage(context.new_page())
        watched.page.on("console", lambda message: watched.problems.append(message.text))
        watched.page.on("pageerror", lambda error: watched.problems.append(str(error)))
        watched.page.on(
            "request", lambda request: None if request.is_navigation_request() else watched.requests.append(request.url)
        )
        yield watched
    finally:
        context.close()
