"""Digest of a log: how many lines look like errors, and its end, masked, for the report."""

from __future__ import annotations

import re
from collections import deque

from loadtest.analysis.models import LogDigest
from loadtest.errors import ConfigurationError
from loadtest.files import AnyPath
from loadtest.masking import mask_secrets

TAIL_LINES = 40
LINE_LENGTH = 400
_ERROR = re.compile(rb"\b(?:ERROR|CRITICAL|FATAL)\b|^Traceback \(most recent call last\)|\b(?:error|fatal|panic):", re.MULTILINE)
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


def digest_log(path: AnyPath, name: str) -> LogDigest | None:
    """None where there is no such log; raises ConfigurationError for one that cannot be read.

    Reads line by line, so a large log costs no memory; long lines are cut. A line counts as an error by its level word
    (ERROR, CRITICAL, FATAL), as `error:`/`fatal:`/`panic:`, or as the head of a Python traceback.
    """
    errors = 0
    tail: deque[bytes] = deque(maxlen=TAIL_LINES)
    try:
        with path.open("rb") as stream:
            for line in iter(lambda: stream.readline(1 << 16), b""):
                errors += _ERROR.search(line) is not None
                tail.append(line[: LINE_LENGTH * 8])
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror or error}.") from None
    return LogDigest(name=name, errors=errors, tail=tuple(_readable(line) for line in tail))


def _readable(line: bytes) -> str:
    text = _ESCAPES.sub("", line.decode("utf-8", errors="replace").rstrip("\r\n"))
    text = mask_secrets(_CONTROL.sub("", text.replace("\t", "    ")))
    return text if len(text) <= LINE_LENGTH else text[: LINE_LENGTH - 1] + "…"
