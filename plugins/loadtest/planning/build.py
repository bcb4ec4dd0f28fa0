"""Which build runs: how an environment says so, what was found, and whether it is the one that was asked for."""

from __future__ import annotations

import re
from typing import Literal

from pydantic import Field, field_validator, model_validator

from loadtest.files import Record

CHANGED = "-dirty"  # after a commit's hash: with changes that are in no commit
_HASH = re.compile(r"[0-9a-f]{7,64}")
_NEEDS = {"health": "json_pointer", "header": "header", "command": "command", "git": None}


class BuildSource(Record):
    """How the running build is known. `health`: a value in the JSON of `path` (default: the health check's), at the JSON pointer
    `json`; `header`: a response header of the same; `command`: the last line that a command prints; `git`: the checkout in which
    a backend that we start has its working directory (so it is for those, unless the file says otherwise)."""

    origin: Literal["health", "header", "command", "git"] = Field(
        alias="from",
        description=(
            "Where the build is named: in the health response, in a response header, in the output of a command, "
            "or in the git checkout."
        ),
    )
    path: str | None = Field(
        default=None, pattern="^/", description="Path to request, below the base URL; the health check's if left out."
    )
    json_pointer: str | None = Field(
        default=None,
        alias="json",
        min_length=1,
        description="JSON pointer to the value in the response, such as `version` or `/build/commit`; for `from: health`.",
    )
    header: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z0-9-]+$",
        description="Name of the response header, such as `X-Version`; for `from: header`.",
    )
    command: tuple[str, ...] = Field(
        default=(),
        description="Command whose last output line names the build; `LOADTEST_BASE_URL` is set for it; for `from: command`.",
    )

    model_config = Record.model_config | {"populate_by_name": True}

    @model_validator(mode="after")
    def _says_where(self) -> BuildSource:
        needed = _NEEDS[self.origin]
        for field in ("json_pointer", "header", "command"):
            name = "json" if field == "json_pointer" else field
            if field == needed and not getattr(self, field):
                raise ValueError(f"a build from {self.origin} needs {name}")
            if field != needed and getattr(self, field):
                raise ValueError(f"a build from {self.origin} takes no {name}")
        return self


class Build(Record):
    """The build that was running: a commit's hash, a tag, whatever the service calls it. None where it cannot be known: then
    `problem` says why, as a clause."""

    version: str | None = None
    problem: str = ""


def same_build(one: str, other: str) -> bool:
    """Whether two names of builds mean one: equal, or a hash and its beginning."""
    first, second = one.strip().lower(), other.strip().lower()
    if first == second:
        return True
    short, long = sorted((first, second), key=len)
    return bool(_HASH.fullmatch(short) and _HASH.fullmatch(long)) and long.startswith(short)


def fuller_name(one: str, other: str) -> str:
    """Of two names of one build the one that says more: a whole hash, else the longer one."""
    return max(one, other, key=lambda name: (bool(_HASH.fullmatch(name.lower())), len(name)))


def build_note(asked: str | None, build: Build | None) -> str:
    """What must be said where a commit was asked for and another build, or an unknown one, was measured; else nothing."""
    if asked is None or build is None:
        return ""
    if build.version is None:
        return f"commit {asked[:40]} was asked for, but the build that ran is not known ({build.problem})"
    if not same_build(asked, build.version):
        return f"commit {asked[:40]} was asked for, but build {build.version[:40]} ran: this verdict belongs to that build"
    return ""


class Builds(Record):
    """How a commit becomes a backend that can be started. `repository`: a folder with a git repository, relative to the project,
    or its URL, with a token in the environment variable `token_variable` or in the password of an Airflow connection; `main`:
    the branch that others are compared with; `prepare`: commands that run in a worktree of the commit, once for each.
    `{commit}` in them, and in the backend's command and variables, is the commit's full hash."""

    repository: str = Field(default=".", description="The service's git repository: a folder relative to the project, or a URL.")
    token_variable: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z_][A-Za-z0-9_]*$",
        description="Name of the environment variable that holds a token for reading a remote repository.",
    )
    connection: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z0-9_-]+$",
        description="Id of the Airflow connection whose password is a token for reading a remote repository.",
    )
    main: str = Field(default="main", description="The main branch, which other branches are compared with.")
    prepare: tuple[tuple[str, ...], ...] = Field(
        default=(),
        description="Commands that run once in a worktree of each commit, such as `[npm, ci]`; `{commit}` is the full hash.",
    )

    @property
    def is_remote(self) -> bool:
        """Whether the repository is elsewhere, so that a copy of it is kept here."""
        return re.match(r"[a-z+]+://|[\w.-]+@[\w.-]+:", self.repository) is not None

    @property
    def token_reference(self) -> str | None:
        """What stands for the token: `${NAME}` or `${conn.ID.password}`."""
        if self.connection:
            return f"${{conn.{self.connection}.password}}"
        return f"${{{self.token_variable}}}" if self.token_variable else None

    @model_validator(mode="after")
    def _one_token(self) -> Builds:
        if self.connection and self.token_variable:
            raise ValueError("a repository takes a connection or a token_variable, not both")
        return self

    @field_validator("repository")
    @classmethod
    def _holds_no_password(cls, value: str) -> str:
        if re.match(r"[a-z+]+://[^/@]*:[^/@]*@", value):
            raise ValueError(
                "a URL here must hold no password; put a token into an Airflow connection or a variable, and name it as "
                "connection or token_variable"
            )
        return value
