"""The slowest requests that the load stage kept (`exemplars.json`)."""

from __future__ import annotations

import json

from loadtest.errors import ConfigurationError
from loadtest.files import AnyPath, FileModel
from loadtest.load.models import Exemplar
from loadtest.masking import mask_secrets

MOST_EXEMPLARS = 2_000
ERROR_LENGTH = 500


class Exemplars(FileModel):
    """The file of the slowest and the failed requests of a run."""

    exemplars: tuple[Exemplar, ...]


def read_exemplars(path: AnyPath) -> tuple[Exemplar, ...]:
    """Sorted by endpoint, slowest first; error texts masked and capped.

    The file is `{"schema_version": 1, "exemplars": [...]}` or the list alone. Raises ConfigurationError when damaged.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path} cannot be read: {error}.") from None
    if text.lstrip().startswith("["):
        text = json.dumps({"exemplars": _list_of(text)})
    found = sorted(Exemplars.parse(text, str(path)).exemplars, key=lambda one: (one.endpoint, -one.latency_ms))
    return tuple(one.model_copy(update={"error": mask_secrets(one.error)[:ERROR_LENGTH]}) for one in found[:MOST_EXEMPLARS])


def _list_of(text: str) -> object:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return None  # the model says what is wrong
