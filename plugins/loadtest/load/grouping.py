"""Names of endpoints: METHOD + path with ids, UUIDs, hashes and dates folded, so that tables stay readable.

Standard library only: this module runs inside Locust, once per new name (results are cached by the recorder).

To fold too much hides the regression of one operation behind another; to fold too little makes the run warn of too many
names, and the scenario can give patterns. So where a form is not clear, the segment stays as it is.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple
from urllib.parse import unquote

MAX_NAME_LENGTH = 200
HTTP_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"})


class Form(NamedTuple):
    """What an id can look like: a regular expression (ASCII, any case) of all of it."""

    name: str
    expression: str
    example: str


class Shape(NamedTuple):
    """A segment that holds more than an id: a regular expression of all of it, what to make of it, and an example.

    `*` is what the expression's group found.
    """

    name: str
    expression: str
    folded: str
    example: str


_MONTH, _DAY, _CLOCK = r"(?:0[1-9]|1[0-2])", r"(?:0[1-9]|[12]\d|3[01])", r"\d\d[\d:.]*(?:Z|[+-]\d\d:?\d\d)?"

DATES = (
    Form("year, month, perhaps day and time", rf"[12]\d{{3}}[-._]{_MONTH}(?:[-._]{_DAY}(?:[T ]{_CLOCK})?)?", "2024-05-01"),
    Form("without separators", rf"[12]\d{{3}}{_MONTH}{_DAY}T{_CLOCK}", "20240517T080000Z"),
    Form("day first, or month first", r"\d{1,2}[-._]\d{1,2}[-._][12]\d{3}", "17-05-2024"),
    Form("week or quarter", r"[12]\d{3}-?(?:W\d\d|Q[1-4])", "2024-W20"),
    Form("time of day", rf"T{_CLOCK}", "T08:00"),
)

# Ids that are recognized also behind a word.
OPAQUE = (
    Form("UUID", r"[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}", "3f2504e0-4f89-11d3-9a0c-0305e82c3301"),
    Form("ULID", r"[0-7][0-9a-hjkmnp-tv-z]{25}", "01arz3ndektsv4rrffq69g5fav"),
    # Two digits, and one of them before a letter: `face2face` and `decade80` are words.
    Form("hash", r"(?=(?:[a-f]*\d){2})(?=[a-f]*\d+[0-9a-f]*[a-f])[0-9a-f]{7,}", "3f2504e"),
    Form("hexadecimal number", r"0x[0-9a-f]+", "0x7f"),
    Form("base64", r"(?-i:(?=.*[A-Z]))(?:[\w+/-]{4})+(?:[\w+/-]{2}==|[\w+/-]{3}=)", "VXNlcjoxMjM0NQ=="),
    Form("JWT or JWE", r"eyJ[\w-]*(?:\.[\w-]*){2,4}", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxNyJ9.c2lnbmF0dXJl"),
)

IDS = (
    Form("number, range, coordinate, ISBN, IPv4", r"[+-]?\d+(?:[-._:][+-]?\d+)*", "978-3-16-148410-0"),
    Form("ISBN that ends in X", r"\d{9}X|(?:\d+-){3}X", "0-306-40615-X"),
    Form("IPv6 or MAC address", r"(?=.*\d)(?:[0-9a-f]{0,4}:){2,7}[0-9a-f.]*", "2001:db8::1"),
    Form("e-mail address", r"[^@\s,]+@[^@\s,]+\.[a-z]{2,}", "ada@example.com"),
    *OPAQUE,
)


def _any_of(forms: Sequence[Form]) -> str:
    return "(?:" + "|".join(form.expression for form in forms) + ")"


_A_DATE, _AN_OPAQUE, _AN_ID = _any_of(DATES), _any_of(OPAQUE), _any_of(IDS)
_WORD = r"[a-z][a-z0-9]*[-_:=]"
# The number is part of what it is: ISO-8859-1, sha256, x86_64, top-10.
_STANDARD = r"(?:aes|covid|ecma|es|h|hs|http|iso|rs|rsa|sha|top|utf|win|x|x86)"

SHAPES = (
    Shape("in braces", rf"\{{{_AN_ID}\}}", "{id}", "{3f2504e0-4f89-11d3-9a0c-0305e82c3301}"),
    Shape("key of OData", rf"([a-z_][\w.]*)\((?:{_AN_ID}|\w*'.*'|.*=.*)\)", "*({id})", "Students(17)"),
    Shape("verb behind", rf"{_AN_ID}:([a-z]+)", "{id}:*", "17:archive"),
    Shape("slug behind a date", rf"{_A_DATE}[-_][a-z][\w-]*", "{date}-{slug}", "2024-05-01-first-day"),
    Shape("slug behind", rf"(?:{_AN_OPAQUE}|\d{{2,}})[-_][a-z][\w-]*", "{id}-{slug}", "17-blue-shirt"),
    Shape("date behind words", rf"((?:[a-z][a-z0-9]*[-_.])+?){_A_DATE}", "*{date}", "report_2024-05-01"),
    # One digit stays: step-1, mp-3.
    Shape("number", rf"((?:{_WORD})*?(?!{_STANDARD}[-_]){_WORD})\d{{2,}}(?:[-_]\d+)*", "*{id}", "my-post-123"),
    Shape("number at a word", rf"((?:{_WORD})*?(?!{_STANDARD}\d)(?-i:[A-Z]?[a-z]+|[A-Z]+))\d{{3,}}", "*{id}", "SKU12345"),
    Shape("opaque id", rf"(\d+\.|(?:[a-z][a-z0-9]*[-_:=.])+?){_AN_OPAQUE}", "*{id}", "sha256:9f86d081884c7d65"),
)

_FLAGS = re.ASCII | re.IGNORECASE
_DATE, _ID = re.compile(_A_DATE, _FLAGS), re.compile(_AN_ID, _FLAGS)
_SHAPES = [(re.compile(shape.expression, _FLAGS), shape.folded) for shape in SHAPES]
_PREFIXED_TOKEN = re.compile(rf"((?:{_WORD})+)([a-z0-9]+)", _FLAGS)
_EXTENSION = re.compile(r"(.+)(\.[a-z][a-z0-9]{0,6})", _FLAGS)
_LITERAL = re.compile(r"[^0-9@%=(]*|v[0-9]{1,2}")  # most segments: nothing in them could be an id

# `/api/1.1/x`, `/2/tweets`: segment before, and segment
_VERSION = re.compile(r"(?:[a-z_-]*api|rest)/\d{1,2}(?:\.\d{1,2})?|/\d(?:\.\d{1,2})?", _FLAGS)

_TOKEN = re.compile(r"[A-Za-z0-9_-]{10,}")
_RUN = re.compile(r"[A-Z]?[a-z]+|[A-Z]+|[0-9]+")
_SWITCH = re.compile(r"(?<=[A-Za-z])[0-9]|(?<=[0-9])[A-Za-z]")
_LOWER_BEHIND_DIGIT = re.compile(r"[0-9][a-z]")

_ORIGIN = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*")
_QUERY = re.compile(r"[?#].*", re.DOTALL)
_MATRIX = re.compile(r";[^/]*")  # parameters of one segment: `/map;x=1/tiles`
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]+")


class EndpointNames:
    """Turns what a request was called into an endpoint name.

    `patterns`: (regular expression, name) of the scenario, tried first, in order, on the path (or on the explicit name).
    """

    def __init__(self, patterns: Sequence[tuple[str, str]] = ()) -> None:
        self._patterns = [(re.compile(expression), name) for expression, name in patterns]

    def name_of(self, method: str, name: str, url: str | None = None) -> str:
        """The endpoint of a request called `name` that went to `url` (None where the protocol has none).

        An explicit name is kept as it is; a name that only repeats the URL is folded. The method stands before both,
        unless the name already begins with it.
        """
        method = _printable(method)
        if method.upper() in HTTP_METHODS:  # `request("get", …)` is the same operation as `get(…)`
            method = method.upper()
        for expression, pattern_name in self._patterns:
            if expression.search(_path_of(url or name)) or expression.search(name):
                return _with_method(method, pattern_name)
        if is_path_of(name, url):
            return _with_method(method, fold_path(_path_of(name)))
        return _with_method(method, _printable(name) or "(unnamed)")


def is_path_of(name: str, url: str | None) -> bool:
    """Whether `name` only repeats the request's path or URL, which is what Locust does without `name=`.

    Locust's FastHttpUser calls a request what was written behind the host, also `users/5`, `?page=2` or nothing at all.
    """
    if _ORIGIN.match(name):
        return True
    if name.startswith("/"):
        return url is None or _path_of(url).endswith(_path_of(name))
    if not url:
        return False
    return url.endswith("/" + name) or (name[:1] in ("", "?", "#") and url.endswith(name))


def fold_path(path: str) -> str:
    """`/students/17/grades/2024-05-01` as `/students/{id}/grades/{date}`; literal segments stay as they are."""
    segments = _printable(path).split("/")
    neighbors = zip(["", *segments], segments, [*segments[1:], ""], strict=False)
    folded = (
        segment if following and _VERSION.fullmatch(f"{before}/{segment}") else _fold_segment(segment)
        for before, segment, following in neighbors
    )
    return "/".join(folded) or "/"


def _fold_segment(segment: str) -> str:
    if len(segment) > MAX_NAME_LENGTH:  # data, no word; it would be cut anyway
        return "{id}"
    if _LITERAL.fullmatch(segment):
        return segment
    return _folded(unquote(segment) if "%" in segment else segment) or segment


def _folded(text: str) -> str | None:
    """A decoded segment with its ids folded; None where it has none."""
    if _DATE.fullmatch(text):
        return "{date}"
    if all(_is_id(part) for part in text.split(",")):
        return "{id}"
    extension = _EXTENSION.fullmatch(text)
    if extension and (stem := _folded(extension[1])):
        return stem + extension[2]
    for expression, folded in _SHAPES:
        if found := expression.fullmatch(text):
            return folded.replace("*", found[found.lastindex or 0])
    if _reads_random(text):
        return "{id}"
    prefixed = _PREFIXED_TOKEN.fullmatch(text)
    return prefixed[1] + "{id}" if prefixed and _reads_random(prefixed[2]) else None


def _is_id(text: str) -> bool:
    return bool(_ID.fullmatch(text)) or (text.isalnum() and _reads_random(text))


def _reads_random(text: str) -> bool:
    """Whether a token is too restless for words in CamelCase, which have long runs (`Export`, `Bucket`) and few digits.

    Of 7,000 names with digits in Python packages a handful passes for ids. Of random ids of 14 characters and more 85 in a
    hundred are found, of 11 characters one in three: shorter ones cannot be told from `S3ToEC2Copy`.
    """
    if not _TOKEN.fullmatch(text):
        return False
    runs, switches = _RUN.findall(text), len(_SWITCH.findall(text))
    length = sum(map(len, runs))
    if switches < 2:
        return False
    run_length = length / len(runs)
    if length < len(text):  # `-` and `_` are more often between words than in random ids
        return len(text) >= 20 and switches >= 3 and run_length <= 2
    if text in (text.lower(), text.upper()):
        return switches >= 4 and run_length <= (3.4 if length >= 20 else 2.4)
    if length < 14 and (switches < 3 or not _LOWER_BEHIND_DIGIT.search(text)):
        return False
    return run_length <= 2.4


def _path_of(url: str) -> str:
    """The path alone: no origin, query, fragment or matrix parameters."""
    origin = _ORIGIN.match(url)
    path = url[origin.end() :] if origin else url
    return _MATRIX.sub("", _QUERY.sub("", path)) or "/"


def _with_method(method: str, name: str) -> str:
    full = name if not method or name == method or name.startswith(method + " ") else f"{method} {name}"
    return full if len(full) <= MAX_NAME_LENGTH else full[: MAX_NAME_LENGTH - 1] + "…"


def _printable(text: str) -> str:
    return _UNPRINTABLE.sub(" ", str(text)).strip()
