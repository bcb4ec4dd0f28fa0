"""Great Expectations' Data Docs as files of the run folder: offline, inert, small."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from loadtest.analysis.models import ContractCheck
from loadtest.files import AnyPath, is_local, write_bytes

# The pages fetch scripts, styles and a counted logo from other hosts. A run folder is read offline and by people
# whose visit is nobody's business, so all of that goes, and a policy keeps what is left from running anything.
_OUTSIDE = re.compile(
    rb"<script\b[^>]*>.*?</script>|<link\b[^>]*href=\"(?:https?:)?//[^>]*>|<link\b[^>]*favicon[^>]*>"
    rb"|<img\b[^>]*src=\"(?:https?:)?//[^>]*>|<footer\b[^>]*>.*?</footer>",
    re.DOTALL,
)
_HANDLER = re.compile(rb"(<[a-z][^<>]*?)\son[a-z]+=\"[^\"]*\"", re.IGNORECASE)
_HEAD = re.compile(rb"<head>|<head\s[^>]*>")
_POLICY = (
    b"<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'self' 'unsafe-inline'\">"
    b"<style>:root{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;max-width:75rem;margin:auto;padding:1rem}"
    b"table{border-collapse:collapse;margin:.5rem 0}td,th{border:1px solid #888;padding:.25rem .5rem;text-align:left}"
    b".modal,input,button{display:none}ul{padding-left:1.2rem}</style>"
)
_UNUSED = ("static/images", "static/fonts", "index.html")


def publish_docs(site: Path, target: AnyPath, run_id: str, passed: bool, checks: Sequence[ContractCheck]) -> str:
    """Copy the site's pages to `target`, replacing older ones; returns the index page's path inside the run folder.

    The index is our own: the library's is drawn by scripts. Raises OSError when something cannot be written.
    """
    files = {
        path.relative_to(site).as_posix(): path
        for path in sorted(site.rglob("*"))
        if path.is_file() and not path.relative_to(site).as_posix().startswith(_UNUSED)
    }
    if is_local(target):
        shutil.rmtree(str(target), ignore_errors=True)
    for name, path in files.items():
        data = path.read_bytes()
        write_bytes(target / name, inert(data) if name.endswith(".html") else data)
    write_bytes(target / "index.html", inert(_index(files, run_id, passed, checks)))
    return f"{target.name}/index.html"


def inert(page: bytes) -> bytes:
    """The page without scripts and without anything from another host."""
    page = _OUTSIDE.sub(b"", page)
    replaced = 1
    while replaced:  # a tag may have several handlers
        page, replaced = _HANDLER.subn(rb"\1", page)
    head = _HEAD.search(page)
    return page[: head.end()] + _POLICY + page[head.end() :] if head else _POLICY + page


def _index(files: Mapping[str, Path], run_id: str, passed: bool, checks: Sequence[ContractCheck]) -> bytes:
    import jinja2

    template = Path(__file__).with_name("data_docs_index.html.j2").read_text(encoding="utf-8")
    pages = [
        (f"{'Results' if name.startswith('validations/') else 'Rules'}: {name.split('/')[1].removesuffix('.html')}", name)
        for name in sorted(files, key=lambda name: (not name.startswith("validations/"), name))
        if name.endswith(".html")
    ]
    environment = jinja2.Environment(autoescape=True, trim_blocks=True)
    return environment.from_string(template).render(run_id=run_id, passed=passed, checks=checks, pages=pages).encode()
