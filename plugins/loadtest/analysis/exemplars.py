"""The slowest requests that the recorder kept (`exemplars.json`): `{"schema_version": 1, "exemplars": [Exemplar, ...]}`."""

from __future__ import annotations

from loadtest.files import AnyPath, FileModel
from loadtest.load.models import Exemplar
from loadtest.masking import mask_secrets

MOST_EXEMPLARS = 2_000
ERROR_LENGTH = 500


class Exemplars(FileModel):
    exemplars: tuple[Exemplar, ...]


def read_exemplars(path: AnyPath) -> tuple[Exemplar, ...]:
    """Sorted by endpoint, slowest first; error texts masked and capped. Raises ConfigurationError for a damaged file."""
    found = sorted(Exemplars.read(path).exemplars, key=lambda one: (one.endpoint, -one.latency_ms))
    return tuple(one.model_copy(update={"error": mask_secrets(one.error)[:ERROR_LENGTH]}) for one in found[:MOST_EXEMPLARS])
