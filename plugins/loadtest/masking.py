"""Secrets out of text that is about to be kept: logs of backends and of Locust, error messages.

Masks by form, not by knowledge: headers that carry credentials, `password=` and its kin in any common notation, credentials
in URLs, tokens that can be told by their shape. Every pattern is linear in the length of the text; possessive
quantifiers (`*+`) keep a mask that is there from being masked again.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from loadtest.files import AnyPath, write_bytes

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


def mask_secrets(text: str) -> str:
    """`text` with everything that looks like a secret replaced by `***`; masking twice changes nothing more."""
    for pattern, replacement in _PATTERNS:
        text = pattern.sub(replacement, text)
    return text


def write_masked_log(source: Path, target: AnyPath, *, limit_bytes: int = 1_000_000) -> None:
    """Copy the log file `source` to `target`, masked, whole lines only, at most about `limit_bytes`: its beginning and its end.

    A line that is cut is left out, for a secret cut in two could not be recognized.
    """
    size = source.stat().st_size
    with source.open("rb") as stream:
        if size <= limit_bytes:
            text = _decode(stream.read(limit_bytes))
        else:
            half = limit_bytes // 2
            head = stream.read(half).rpartition(b"\n")[0]
            stream.seek(-half, os.SEEK_END)
            tail = stream.read(half).partition(b"\n")[2]
            left_out = size - len(head) - len(tail)
            text = f"{_decode(head)}\n[... {left_out} bytes left out ...]\n{_decode(tail)}"
    write_bytes(target, mask_secrets(text).encode("utf-8", errors="replace"))


def last_line(log: Path, *, limit: int = 300) -> str:
    """The last line of a log that is not blank, masked and shortened; empty where there is none."""
    try:
        with log.open("rb") as stream:
            stream.seek(max(log.stat().st_size - 65_536, 0))
            lines = _decode(stream.read()).splitlines()
    except OSError:
        return ""
    line = next((line.strip() for line in reversed(lines) if line.strip()), "")
    masked = mask_secrets(line)
    return masked if len(masked) <= limit else masked[: limit - 1] + "…"


def _decode(data: bytes) -> str:
    return data.decode("utf-8", errors="replace")
