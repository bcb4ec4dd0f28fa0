"""A service that is down before any load goes out: a result of the run, kept in its folder for the verdict."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from loadtest.backend.models import ServiceDown
from loadtest.errors import InfrastructureError
from loadtest.run_folder import RunFolder


class BackendDiedError(InfrastructureError):
    """The backend's process ended; checking again is of no use."""


class BackendNotStartedError(BackendDiedError):
    """There is no backend of this run here: nobody started it, it was stopped, or it runs elsewhere. No fault of the service."""


@contextmanager
def down_is_a_result(folder: RunFolder) -> Iterator[None]:
    """Write down why the service did not come up (`service_down.json`); a later success takes it back."""
    try:
        yield
    except BackendNotStartedError:
        raise
    except InfrastructureError as error:
        ServiceDown(sentence=str(error)).write(folder.service_down)
        raise
    if folder.service_down.exists():
        folder.service_down.unlink()
