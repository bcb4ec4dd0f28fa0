"""Names of endpoints: METHOD + path with ids, UUIDs, hashes and dates folded, so that tables stay readable.

Standard library only: this module runs inside Locust, once per new name (results are cached by the recorder).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

MAX_NAME_LENGTH = 200

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}(?:[T ][\d:.]+(?:Z|[+-]\d{2}:?\d{2})?)?")
_NUMBER = re.compile(r"[+-]?\d+(?:[.,]\d+)?")
_UUID = re.compile(r"[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}", re.IGNORECASE)
_HEX = re.compile(r"(?:0x)?[0-9a-f]{8,}", re.IGNORECASE)
_ULID = re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{25}")
# Crockford and base64url tokens: long, with digits and both cases, which no ordinary word of a path has.
_TOKEN = re.compile(r"[A-Za-z0-9_-]{20,}")
_PREFIXED = re.compile(r"([A-Za-z][A-Za-z_]*[-_:])(.+)")
_EXTENSION = re.compile(r"(.+)(\.[A-Za-z][A-Za-z0-9]{0,4})")
_ORIGIN = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*")
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
        for expression, pattern_name in self._patterns:
            if expression.search(_path_of(url or name)) or expression.search(name):
                return _with_method(method, pattern_name)
        if is_path_of(name, url):
            return _with_method(method, fold_path(_path_of(name)))
        return _with_method(method, _printable(name) or "(unnamed)")


def is_path_of(name: str, url: str | None) -> bool:
    """Whether `name` only repeats the request's path or URL, which is what Locust does without `name=`."""
    if _ORIGIN.match(name):
        return True
    if not name.startswith("/"):
        return False
    return url is None or _path_of(url).endswith(_path_of(name))


def fold_path(path: str) -> str:
    """`/students/17/grades/2024-05-01` as `/students/{id}/grades/{date}`; literal segments stay as they are."""
    return _printable("/".join(_fold_segment(segment) for segment in path.split("/"))) or "/"


def _fold_segment(segment: str) -> str:
    if not segment:
        return segment
    if _DATE.fullmatch(segment):
        return "{date}"
    if _is_id(segment):
        return "{id}"
    extension = _EXTENSION.fullmatch(segment)
    if extension and not _NUMBER.fullmatch(segment):
        stem = _fold_segment(extension[1])
        return stem + extension[2] if stem != extension[1] else segment
    prefixed = _PREFIXED.fullmatch(segment)
    if prefixed and _is_id(prefixed[2]) and not prefixed[2].startswith(("+", "-")):
        return prefixed[1] + "{id}"
    if "," in segment and all(_is_id(part) for part in segment.split(",")):
        return "{id}"
    return segment


def _is_id(text: str) -> bool:
    if _NUMBER.fullmatch(text) or _UUID.fullmatch(text) or _ULID.fullmatch(text):
        return True
    has_digit = any(character.isdigit() for character in text)
    if _HEX.fullmatch(text):
        return has_digit
    return bool(_TOKEN.fullmatch(text) and has_digit and text.lower() != text and text.upper() != text)


def _path_of(url: str) -> str:
    """The path alone: no origin, query or fragment."""
    origin = _ORIGIN.match(url)
    path = url[origin.end() :] if origin else url
    return re.split(r"[?#;]", path, maxsplit=1)[0] or "/"


def _with_method(method: str, name: str) -> str:
    full = name if not method or name == method or name.startswith(method + " ") else f"{method} {name}"
    return full if len(full) <= MAX_NAME_LENGTH else full[: MAX_NAME_LENGTH - 1] + "…"


def _printable(text: str) -> str:
    return _UNPRINTABLE.sub(" ", str(text)).strip()
