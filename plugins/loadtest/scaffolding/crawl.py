"""A short walk through a service's own links: HTML and JSON, GET only, a bounded number of pages."""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import Iterator
from html import unescape
from html.parser import HTMLParser
from typing import Any
from urllib.parse import quote, urldefrag, urljoin, urlsplit

import httpx

from loadtest.load.grouping import EndpointNames
from loadtest.scaffolding.recorded import Recorded

MOST_PAGES = 60
MOST_OF_ONE_KIND = 5  # pages of one endpoint: ten thousand products are one kind of page
MOST_DEPTH = 3
STARTS = ("/", "/api", "/api/", "/db")  # where services list what they have
MOST_BYTES = 1_000_000
TIMEOUT_S = 5.0
REDIRECT = "redirect"  # in place of a content type
_NOT_FOLLOWED = re.compile(r"log-?out|sign-?out|delete|remove|unsubscribe|destroy|/admin\b", re.IGNORECASE)
_A_PATH = re.compile(r"/[\w\-./~%]*(?:\?[\w\-./~%=&+]*)?", re.ASCII)


def crawl(base_url: str) -> list[Recorded]:
    """Pages that answered 2xx, the start page first (it alone with its title). Links that sound as if they changed something
    are not followed."""
    queue = deque((base_url + path, 0) for path in STARTS)
    seen = {url for url, _ in queue}
    kinds: dict[str, int] = {}
    found: list[Recorded] = []
    names = EndpointNames([])
    asked = 0
    with httpx.Client(timeout=TIMEOUT_S, headers={"Accept": "text/html, application/json;q=0.9, */*;q=0.5"}) as client:
        while queue and asked < MOST_PAGES:
            url, depth = queue.popleft()
            kind = names.name_of("GET", urlsplit(url).path or "/")
            if kinds.get(kind, 0) >= MOST_OF_ONE_KIND:
                continue
            kinds[kind] = kinds.get(kind, 0) + 1
            asked += 1
            page = _page(client, url)
            if page is None:
                continue
            if page[0] != REDIRECT:  # where it leads may be another host, to which no load goes
                found.append(Recorded("GET", url, title=_title(page) if not found else ""))
            links = _links(page[0], page[1], url) if depth < MOST_DEPTH else ()
            for link in links:
                if link not in seen and f"{link}/".startswith(f"{base_url}/") and not _NOT_FOLLOWED.search(link):
                    seen.add(link)
                    queue.append((link, depth + 1))
    return found


def _title(page: tuple[str, str]) -> str:
    found = re.search(r"<title[^>]*>([^<]{1,200})</title", page[1][:20_000], re.IGNORECASE) if "html" in page[0] else None
    return " ".join(unescape(found[1]).split()) if found else ""


def _page(client: httpx.Client, url: str) -> tuple[str, str] | None:
    """Content type and text of a successful answer, or REDIRECT and where to."""
    try:
        with client.stream("GET", url) as response:
            if response.is_redirect:
                return REDIRECT, response.headers.get("location", "")
            if not response.is_success:
                return None
            content = bytearray()
            for piece in response.iter_bytes():
                content += piece
                if len(content) > MOST_BYTES:
                    break
            return response.headers.get("content-type", ""), content.decode("utf-8", errors="replace")
    except httpx.HTTPError:
        return None


def _links(content_type: str, text: str, url: str) -> Iterator[str]:
    raw: Iterator[str] = iter(())
    if content_type == REDIRECT:
        raw = iter([text])
    elif "html" in content_type:
        parser = _Anchors()
        parser.feed(text)
        raw = iter(parser.links)
    elif "json" in content_type:
        try:
            raw = _in_json(json.loads(text), urlsplit(url).path)
        except (ValueError, RecursionError):
            return
    for link in raw:
        try:
            yield urldefrag(urljoin(url, link.strip()))[0]
        except ValueError:  # no URL at all
            continue


class _Anchors(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a":
            self.links += [value for name, value in attrs if name == "href" and value]


def _in_json(value: Any, path: str) -> Iterator[str]:
    """Links in JSON; what may be links: items of a list by their ids (`/posts` with an id 1 may have `/posts/1`), and lists
    of an overview by their names."""
    if isinstance(value, dict):
        for key, item in value.items():
            if path and isinstance(item, list):
                yield f"/{quote(key, safe='')}"
            yield from _in_json(item, "")
    elif isinstance(value, list):
        for item in value[:50]:
            if path and isinstance(item, dict) and isinstance(item.get("id"), str | int):
                yield f"{path.rstrip('/')}/{quote(str(item['id']), safe='')}"
            yield from _in_json(item, "")
    elif isinstance(value, str) and (value.startswith(("http://", "https://")) or _A_PATH.fullmatch(value)):
        yield value
