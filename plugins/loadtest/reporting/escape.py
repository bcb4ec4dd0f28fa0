"""Text from outside (endpoint names, error bodies, log lines) made harmless before any channel shows it.

`plain` is what every channel starts from: no terminal codes, no control or direction marks, of bounded length. HTML is then
escaped by Jinja, XML by ElementTree; Markdown has `markdown` and `markdown_code` here.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

NAME_LIMIT = 160
TEXT_LIMIT = 500
LINE_LIMIT = 400

# Operating-system commands (window titles, hyperlinks), other string commands, CSI sequences, two-byte escapes: ECMA-48.
_ANSI = re.compile(
    r"\x1b\][^\x07\x1b]{0,4096}(?:\x07|\x1b\\)?"
    r"|\x1b[PX^_][^\x1b]{0,4096}(?:\x1b\\)?"
    r"|(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?"
    r"|\x1b[ -/]*[0-~]?"
)
# C0 and C1 controls, soft hyphen, zero-width and direction marks, line and paragraph separators, variation of the same by
# tag characters, noncharacters, halves of surrogate pairs. Tab and line feed are handled by the callers.
_INVISIBLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f"
    "\u3164\ufeff\uffa0\ufff0-\ufffb\ufffe\uffff\ud800-\udfff\U000e0000-\U000e0fff]"
)
_SPACE = re.compile(r"\s+")
# Backslash-escapes within a line; block markup (headings, lists, quotes) only means something at its start.
_MARKDOWN = re.compile(r"([\\`*_\[\]|~$^])")
_MARKDOWN_START = re.compile(r"^([#+>=-]|\d+(?=[.)]))")
_ZERO_WIDTH = "\u200b"
_COMBINING_RUN = re.compile(
    r"([\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]{3})[\u0300-\u036f"
    r"\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]+"
)


def plain(text: object, limit: int = TEXT_LIMIT) -> str:
    """One line of visible text of at most `limit` characters (and a note of how many were cut)."""
    return cap(_SPACE.sub(" ", _clean(str(text), limit)).strip(), limit, omitted=max(0, len(str(text)) - 8 * limit))


def plain_block(text: object, limit: int = 20_000) -> str:
    """Visible text that keeps its lines; tabs become spaces."""
    cleaned = _clean(str(text).replace("\r\n", "\n").replace("\t", "    "), limit)
    return cap(cleaned, limit, omitted=max(0, len(str(text)) - 8 * limit))


def cap(text: str, limit: int, *, omitted: int = 0) -> str:
    """`text`, or its first `limit` characters and how many are missing; `omitted`: how many were cut before."""
    if len(text) <= limit and not omitted:
        return text
    missing = max(0, len(text) - limit) + omitted
    return f"{text[:limit].rstrip()}… ({missing:,} more characters)"


def shorten(text: str, limit: int) -> str:
    """`text`, or its start and end with `…` between, `limit` characters together: endpoint names differ at both."""
    if len(text) <= limit:
        return text
    head = (limit - 1) * 2 // 3
    return f"{text[:head]}…{text[len(text) - (limit - 1 - head) :]}"


def shorten_endpoint(name: str, limit: int) -> str:
    """`GET …/students/{id}` for a name that does not fit: the method and as much of the path's end as fits, in whole
    segments where possible; paths of one service begin alike."""
    if len(name) <= limit:
        return name
    method, space, path = name.partition(" ")
    if not space or not path.startswith("/") or len(method) > 8:
        return shorten(name, limit)
    tail = path[-(limit - len(method) - 2) :]
    return f"{method} …{tail[tail.index('/') :] if '/' in tail else tail}"


def shorten_endpoints(names: Sequence[str], limit: int) -> list[str]:
    """The same for names that stand in one table: those that would look alike lose what they have in common first."""
    short = [shorten_endpoint(name, limit) for name in names]
    for alike in {text for text in short if short.count(text) > 1}:
        places = [place for place, text in enumerate(short) if text == alike]
        letters = zip(*(names[place] for place in places), strict=False)
        shared = next((index for index, found in enumerate(letters) if len(set(found)) > 1), 0)
        for place in places:
            name = names[place]
            method = name.partition(" ")[0]
            start = name.rfind("/", 0, shared + 1) if "/" in name[: shared + 1] else shared
            short[place] = fit(f"{method} …{name[max(start, len(method) + 1) :]}", limit)
    return short


def markdown(text: object, limit: int = TEXT_LIMIT) -> str:
    """Text for GitHub-flavored Markdown, table cells included: nothing in it is markup, a link, a mention or a reference."""
    escaped = plain(text, limit).replace("&", "&amp;").replace("<", "&lt;")
    escaped = _MARKDOWN.sub(r"\\\1", escaped)
    escaped = _MARKDOWN_START.sub(lambda found: f"{_ZERO_WIDTH}{found[1]}", escaped)
    return _without_references(escaped)


def markdown_code(text: object, limit: int = NAME_LIMIT) -> str:
    """Text as an inline code span that it cannot leave, also inside a table cell."""
    content = plain(text, limit).replace("|", "\\|")
    if not content:
        return "` `"
    longest = max((len(run) for run in re.findall(r"`+", content)), default=0)
    fence = "`" * (longest + 1)
    pad = " " if content.startswith("`") or content.endswith("`") else ""
    return f"{fence}{pad}{content}{pad}{fence}"


def xml_text(text: object, limit: int = TEXT_LIMIT) -> str:
    """Text that XML 1.0 can carry; the XML writer escapes the markup."""
    return plain_block(text, limit)


def _without_references(text: str) -> str:
    # GitHub looks for @person, #12 and bare addresses in the rendered text, so escaping them does not help; a
    # zero-width space does.
    text = text.replace("@", f"@{_ZERO_WIDTH}").replace("://", f":{_ZERO_WIDTH}//")
    text = re.sub(r"\b(www)\.", rf"\1{_ZERO_WIDTH}.", text, flags=re.IGNORECASE)
    return re.sub(r"#(?=\d)", f"#{_ZERO_WIDTH}", text)


def _clean(text: str, limit: int) -> str:
    # A megabyte of escape codes is cut first: what is shown is at most `limit` characters anyway.
    text = _ANSI.sub("", text[: 8 * limit])
    text = _INVISIBLE.sub("", text)
    return _COMBINING_RUN.sub(r"\1", text)


def fit(text: str, limit: int) -> str:
    """At most `limit` characters, with an ellipsis where something was cut."""
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"


def web_url(url: str | None) -> str | None:
    """`url` if a button may carry it: http or https, without blanks or control characters, at most 3,000 characters."""
    if url and len(url) <= 3_000 and re.fullmatch(r"https?://[^\s<>\"|\x00-\x20\x7f]+", url):
        return url
    return None
