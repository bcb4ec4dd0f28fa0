"""Great Expectations' Data Docs as files of the run folder: offline, inert, small."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from loadtest.files import AnyPath, is_local, write_bytes

# The pages fetch scripts, styles and a counted logo from other hosts. A run folder is read offline and by people
# whose visit is nobody's business, so all of that goes, and a policy keeps what is left from running anything.
_OUTSIDE = re.compile(
    rb"<script\b[^>]*>.*?</script>|<link\b[^>]*href=\"(?:https?:)?//[^>]*>|<img\b[^>]*src=\"(?:https?:)?//[^>]*>", re.DOTALL
)
_HEAD = re.compile(rb"<head>|<head\s[^>]*>")
_POLICY = (
    b"<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'self' 'unsafe-inline'\">"
    b"<style>body{font:16px/1.5 system-ui,sans-serif;max-width:75rem;margin:auto;padding:1rem}"
    b"table{border-collapse:collapse;margin:.5rem 0}td,th{border:1px solid #bbb;padding:.25rem .5rem;text-align:left}"
    b".modal,nav button{display:none}ul{padding-left:1.2rem}</style>"
)
_UNUSED = ("static/images", "static/fonts")


def publish_docs(site: Path, target: AnyPath) -> str:
    """Copy the site's pages to `target`, replacing older ones; returns the index page's path inside the run folder.

    Raises OSError when they cannot be written.
    """
    pages = {
        path.relative_to(site).as_posix(): path
        for path in sorted(site.rglob("*"))
        if path.is_file() and not path.relative_to(site).as_posix().startswith(_UNUSED)
    }
    if is_local(target):
        shutil.rmtree(str(target), ignore_errors=True)
    for name, path in pages.items():
        data = path.read_bytes()
        write_bytes(target / name, inert(data) if name.endswith(".html") else data)
    return f"{target.name}/index.html"


def inert(page: bytes) -> bytes:
    """The page without scripts and without anything from another host."""
    page = _OUTSIDE.sub(b"", page)
    head = _HEAD.search(page)
    return page[: head.end()] + _POLICY + page[head.end() :] if head else _POLICY + page
