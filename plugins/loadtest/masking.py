"""Secrets out of everything that is about to be kept.

By knowledge: the values of this process's variables that are secrets, in any spelling that they take in a file. Nothing is
written below the runs root without that (`loadtest.files.write_bytes`), and Locust's processes mask before they record.
By form, where a text comes from outside (logs, errors): headers that carry credentials, `password=` and its kin in any common
notation, credentials in URLs, tokens that can be told by their shape. Every pattern is linear in the length of the text;
possessive quantifiers (`*+`) keep a mask that is there from being masked again.
"""

from __future__ import annotations

import base64
import html
import json
import os
import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from urllib.parse import quote, quote_plus, unquote, urlsplit

MASK = "***"

# Also as a part of a longer name: DB_PASSWORD, x-api-key, accessToken.
_SECRET_NAME = (
    r"(?:pass(?:word|wd|phrase)|passwd|pwd|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|credentials?|"
    r"session[_-]?id|signature)"
)
# JSON inside a string, quoted (perhaps cut off before the closing quote), plain.
_VALUE = r"""(?:\\"[^"\\\n]*|"(?:\\.|[^"\\\n])*"?|'(?:\\.|[^'\\\n])*'?|[^\s"'&,;)\]}]+)"""

_PATTERNS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----[^-]*(?:-----END [A-Z ]*PRIVATE KEY-----)?"), MASK),
    # Whole header values: schemes and cookies consist of several words.
    (
        re.compile(r"""(?i)(\b(?:proxy-)?authorization\b["']?\s*+[:=]\s*+["']?+)(?!\*\*\*)[^"'\r\n]+"""),
        rf"\1{MASK}",
    ),
    (re.compile(r"""(?i)(\b(?:set-)?cookie\b["']?\s*+:\s*+["']?+)(?!\*\*\*)[^"'\r\n]+"""), rf"\1{MASK}"),
    (re.compile(r"(?i)\b(bearer)\s++(?!\*\*\*)[A-Za-z0-9._~+/=-]{8,}"), rf"\1 {MASK}"),
    # user:password@ of a URL, up to the last @ of its host part.
    (re.compile(r"(?i)(\b[a-z][a-z0-9+.-]{0,30}://[^\s/:@'\"]{0,200}:)[^\s/'\"]{1,500}@"), rf"\1{MASK}@"),
    (
        re.compile(rf"""(?i)({_SECRET_NAME}[a-z0-9_-]{{0,20}}\\?["']?\s{{0,5}}+[:=]\s{{0,5}}+)(?!\*\*\*){_VALUE}"""),
        rf"\1{MASK}",
    ),
    (re.compile(r"\beyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]{5,}(?:\.[A-Za-z0-9_-]*)?"), MASK),  # JSON Web Token
    (re.compile(r"\b(?:gh[pousr]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,}|glpat-[A-Za-z0-9_-]{16,})"), MASK),
    (re.compile(r"\bxox[a-z]-[A-Za-z0-9-]{8,}|\bxapp-[A-Za-z0-9-]{8,}"), MASK),  # Slack
    (re.compile(r"(https://hooks\.slack\.com/[a-z]+/)[A-Za-z0-9/_-]+"), rf"\1{MASK}"),
    (re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"), MASK),
    (re.compile(r"\$argon2[a-z]{1,2}\$[^\s\"']+|\$2[aby]\$\d\d\$[./A-Za-z0-9]{53}"), MASK),  # password hashes
)


# Variables whose values are secrets, by their names; those of a scenario are, whatever their names.
_SECRET_VARIABLE = re.compile(r"(?i)pass|pwd|secret|token|credential|private|dsn|_key(?:$|_)|^AIRFLOW_CONN_|webhook")
_OF_SCENARIO = "SCENARIO_"
SECRETS_VARIABLE = "LOADTEST_SCENARIO_SECRETS"  # names, with commas between, of a scenario's secrets that begin otherwise
_LEAST, _LEAST_OF_SCENARIO = 6, 8  # characters: what is shorter stands in any text
# A plain word or a number may be a password; masked wherever it stands it would take endpoints and figures along.
_EVERYDAY = re.compile(r"[A-Za-z]{0,11}|[0-9.]{0,11}|/[\w./-]*|https?://[^@\s]*")
_learned: set[str] = set()


def mask_secrets(text: str) -> str:
    """`text` without known secrets and everything that looks like one; masking twice changes nothing more."""
    text = mask_known(text)
    for pattern, replacement in _PATTERNS:
        text = pattern.sub(replacement, text)
    return text


def mask_known(text: str) -> str:
    """`text` without the values of this process's secret variables."""
    pattern = _known()
    return pattern.sub(MASK, text) if pattern else text


def mask_known_bytes(data: bytes) -> bytes:
    """The same for a file; what is no text is left as it is."""
    pattern = _known()
    if pattern is None:
        return data
    try:
        return pattern.sub(MASK, data.decode()).encode()
    except UnicodeDecodeError:
        return data


def learn_secrets(values: Iterable[str]) -> None:
    """Values that are secrets though no variable's name tells, such as those that an environment's headers take; masked from
    now on in this process."""
    for value in values:
        _learned.update(part for part in {value, *value.splitlines()} if _is_worth_masking(part, _LEAST))


def known_secrets() -> tuple[str, ...]:
    """The values themselves, the longest first. Never write them anywhere."""
    return tuple(sorted({*_values(os.environ.items()), *_learned}, key=lambda value: (-len(value), value)))


def is_secret_variable(name: str) -> bool:
    return _SECRET_VARIABLE.search(name) is not None


def _known() -> re.Pattern[str] | None:
    return _pattern_of(tuple(os.environ.items()), frozenset(_learned))


@lru_cache(maxsize=4)
def _pattern_of(variables: tuple[tuple[str, str], ...], learned: frozenset[str]) -> re.Pattern[str] | None:
    spellings = {spelling for value in {*_values(variables), *learned} for spelling in _spellings(value)}
    longest_first = sorted(spellings, key=lambda spelling: (-len(spelling), spelling))
    return re.compile("|".join(map(re.escape, longest_first))) if longest_first else None


def _values(variables: Iterable[tuple[str, str]]) -> Iterator[str]:
    known = dict(variables)
    named = known.get(SECRETS_VARIABLE, "").split(",")
    for name, value in known.items():
        of_scenario = name.startswith(_OF_SCENARIO) or name in named
        parts = {value, *value.splitlines()} if of_scenario or is_secret_variable(name) else set()
        if "://" in value and "@" in value:
            parts.add(_password_of(value))
        if value.startswith("{"):
            parts.update(_secrets_of_json(value))
        least = _LEAST if is_secret_variable(name) else _LEAST_OF_SCENARIO
        yield from (part for part in parts if _is_worth_masking(part, least))


def _is_worth_masking(text: str, least: int) -> bool:
    return len(text) >= least and not _EVERYDAY.fullmatch(text) and "-----" not in text


def _password_of(url: str) -> str:
    try:
        return unquote(urlsplit(url).password or "")
    except ValueError:
        return ""


def _secrets_of_json(text: str) -> Iterator[str]:
    """Values under secret names, as a connection in JSON has them."""
    try:
        waiting = [json.loads(text)]
    except ValueError:
        return
    while waiting:
        value = waiting.pop()
        for key, inner in value.items() if isinstance(value, dict) else ():
            if isinstance(inner, dict):
                waiting.append(inner)
            elif isinstance(inner, str) and is_secret_variable(key):
                yield inner


def _spellings(value: str) -> Iterator[str]:
    """As it is, in a URL, in JSON, in HTML, and alone in base64."""
    yield from (value, quote(value, safe=""), quote(value), quote_plus(value))
    yield from (json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1], html.escape(value))
    yield base64.b64encode(value.encode()).decode().rstrip("=")
