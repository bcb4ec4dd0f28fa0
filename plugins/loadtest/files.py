"""Files that other stages read: versioned pydantic models, written atomically, refused in one sentence when damaged."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from pathlib import Path
from typing import ClassVar, Self

from pydantic import BaseModel, ConfigDict, ValidationError
from upath import UPath

import loadtest.storage  # noqa: F401 (makes object storage behave as folders do)
from loadtest.errors import ConfigurationError
from loadtest.masking import mask_known_bytes

AnyPath = Path | UPath


def write_bytes(path: AnyPath, data: bytes) -> None:
    """Write `data` so that a reader sees the old file or the whole new one, never a part, and no secret that is known.

    Local paths go through a temporary file, fsync and rename; object storage puts are atomic by themselves.
    """
    data = mask_known_bytes(data)
    if not is_local(path):
        path.write_bytes(data)
        return
    target = Path(str(path))
    target.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        Path(temporary).chmod(0o644)
        Path(temporary).replace(target)
    except BaseException as error:
        with contextlib.suppress(FileNotFoundError):
            Path(temporary).unlink()
        if isinstance(error, OSError) and error.filename is None:
            error.filename = str(target)  # a full disk names no file
        raise


def write_text(path: AnyPath, text: str) -> None:
    write_bytes(path, text.encode("utf-8", errors="replace"))


def private_folder(path: Path) -> Path:
    """A folder of ours (`.loadtest`, `.airflow`), made if need be, for nobody but its owner: it holds passwords, or what users
    type. One that somebody else named and made keeps its rights."""
    if not path.exists():
        path.mkdir(parents=True, mode=0o700, exist_ok=True)
    elif path.name.startswith(".") and path.stat().st_uid == os.getuid():
        path.chmod(0o700)
    return path


def is_local(path: AnyPath) -> bool:
    return not isinstance(path, UPath) or path.protocol in ("", "file", "local")


class Record(BaseModel):
    """A plain, frozen value inside a file. Unknown keys are refused, NaN and infinity too: unknown numbers are None."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


# Files say `duration: 30s`; code and our own JSON say `duration_s: 30`.
BY_NAME_TOO = Record.model_config | {"populate_by_name": True}


class FileModel(Record):
    """One file of the run folder (or of `include/`): knows its schema version and how to read and write itself."""

    SCHEMA_VERSION: ClassVar[int] = 1

    schema_version: int = 1

    def write(self, path: AnyPath) -> None:
        write_text(path, self.model_dump_json(indent=2) + "\n")

    @classmethod
    def read(cls, path: AnyPath) -> Self:
        """Read and validate; raises ConfigurationError with one sentence naming file, place and remedy."""
        try:
            text = path.read_text(encoding="utf-8")
        except FileNotFoundError:
            raise ConfigurationError(f"{path} does not exist; run the stage that writes it first.") from None
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError(f"{path} cannot be read: {error}.") from error
        return cls.parse(text, str(path))

    @classmethod
    def parse(cls, text: str, name: str) -> Self:
        try:
            data = json.loads(text)
        except json.JSONDecodeError as error:
            raise ConfigurationError(
                f"{name} is not valid JSON (line {error.lineno}, column {error.colno}: {error.msg}); "
                "restore it or run the stage that writes it again."
            ) from None
        version = data.get("schema_version", 1) if isinstance(data, dict) else None
        if isinstance(version, int) and version > cls.SCHEMA_VERSION:
            raise ConfigurationError(
                f"{name} has schema version {version}, this version of loadtest reads up to {cls.SCHEMA_VERSION}; "
                "upgrade loadtest."
            )
        try:
            return cls.model_validate(data)
        except ValidationError as error:
            raise ConfigurationError(f"{name}: {first_problem(error)}.") from None


NOT_SHOWN = "not_shown"  # type of a problem whose value may be a secret
# What pydantic says in its own terms, in those of somebody who writes YAML.
_PLAIN = {"extra_forbidden": "unknown key", "tuple_type": "this must be a list"}


def first_problem(error: ValidationError) -> str:
    """The first problem of a pydantic error as one clause: where, what is wrong, what came instead."""
    problem = error.errors(include_url=False)[0]
    place = ".".join(str(part) for part in problem["loc"]) or "the document"
    more = error.error_count() - 1
    message = _PLAIN.get(problem["type"], problem["msg"]).removeprefix("Value error, ").rstrip(".")
    shown = repr(problem.get("input"))
    value = f" (got {shown[:80]})" if problem["type"] not in ("missing", NOT_SHOWN) and len(shown) < 200 else ""
    tail = f"; and {more} more problem{'s' if more > 1 else ''}" if more else ""
    return f"{place}: {message[0].lower() + message[1:]}{value}{tail}"
