"""A `baseline.json` of the kind "endpoint -> p95" as targets.yaml."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from loadtest.errors import ConfigurationError
from loadtest.importing.numbers import number
from loadtest.importing.parsed import Names

KEYS = ("p95_ms", "p95", "95%", "percentile_95", "target")
MOST_MS = 3_600_000.0


def is_targets(data: Any) -> bool:
    found = _endpoints(data)
    return bool(found) and all(_value(value) is not None for value in found.values())


def _endpoints(data: Any) -> dict[str, Any]:
    inner = data.get("endpoints", data) if isinstance(data, dict) else {}
    return inner if isinstance(inner, dict) else {}


def _value(value: Any) -> Any:
    if isinstance(value, dict):
        return next((value[key] for key in KEYS if key in value), None)
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def read_targets(path: Path, data: Any) -> dict[str, float]:
    """Endpoint -> p95 in ms. Raises ConfigurationError for what cannot be a target."""
    names, found = Names(), {}
    for key, value in _endpoints(data).items():
        endpoint = names("", key)
        if endpoint in found:
            raise ConfigurationError(f"{path}: {endpoint!r} stands there twice; nothing was imported.")
        found[endpoint] = number(_value(value), f"{path}: {key[:80]}", least=0.001, most=MOST_MS)
    return found


def as_yaml(targets: dict[str, float], source: str) -> str:
    data = {"endpoints": {name: {"p95_ms": int(value) if value == int(value) else value} for name, value in targets.items()}}
    return f"# From {source}\n" + yaml.safe_dump(data, sort_keys=False, allow_unicode=True)


def write_targets(targets: dict[str, float], source: str, folder: Path) -> Path:
    """Raises ConfigurationError where the scenario is not there or has targets already."""
    path = folder / "targets.yaml"
    if not folder.is_dir():
        raise ConfigurationError(f"There is no scenario {folder.name!r} ({folder}); name one with --scenario.")
    if path.exists():
        raise ConfigurationError(f"{path} is there already; copy the lines above into it by hand, or move it away first.")
    from loadtest.files import write_text

    try:
        write_text(path, as_yaml(targets, source))
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be written: {error.strerror}.") from None
    return path
