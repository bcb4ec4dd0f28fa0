"""What a dry run saw: each task of each user class once."""

from __future__ import annotations

from loadtest.files import FileModel


class Step(FileModel):
    """A request with its answer, or something that went wrong without one (`method` is empty then). `took_ms`: None where there
    is no time; `status`: None where no answer came; headers as `Name: value` lines."""

    user: str
    task: str
    method: str = ""
    name: str = ""
    url: str = ""
    status: int | None = None
    took_ms: float | None = None
    problem: str = ""
    redirects: int = 0
    sent_headers: tuple[str, ...] = ()
    sent_body: str = ""
    headers: tuple[str, ...] = ()
    body: str = ""


class Rehearsal(FileModel):
    """`printed`: what the Locust files wrote to their output."""

    user_classes: tuple[str, ...] = ()
    steps: tuple[Step, ...] = ()
    printed: tuple[str, ...] = ()

    @property
    def requests(self) -> int:
        return sum(bool(step.method) for step in self.steps)

    @property
    def failed_requests(self) -> int:
        return sum(bool(step.method and step.problem) for step in self.steps)

    @property
    def exceptions(self) -> int:
        """That left a task, or a user's start or end."""
        return sum(not step.method for step in self.steps)
