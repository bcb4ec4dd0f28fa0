"""What the product reads, an editor accepts; what it refuses by itself, an editor marks."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
import yaml

from loadtest.cli.schema import Kind
from loadtest.scaffolding.editor_schemas import KINDS, editor_schema

ROOT = Path(__file__).resolve().parents[2]
FILES = [(kind, path) for kind, one in KINDS.items() for path in sorted(ROOT.glob(one.files))]


def as_json(text: str) -> object:
    """As an editor sees a YAML file: dates are texts."""
    return json.loads(json.dumps(yaml.safe_load(text), default=str))


def problems(kind: str, text: str) -> list[str]:
    return [error.message for error in jsonschema.Draft7Validator(editor_schema(kind)).iter_errors(as_json(text))]


@pytest.mark.parametrize(("kind", "path"), FILES, ids=[f"{kind}-{path.stem}" for kind, path in FILES])
def test_every_file_of_ours_is_accepted(kind: str, path: Path) -> None:
    assert problems(kind, path.read_text()) == []


@pytest.mark.parametrize("kind", KINDS)
def test_each_is_a_valid_schema_that_refuses_unknown_keys(kind: str) -> None:
    jsonschema.Draft7Validator.check_schema(editor_schema(kind))
    assert any("unheard_of" in problem for problem in problems(kind, "unheard_of: 1"))


def test_the_command_knows_each_kind() -> None:
    assert set(Kind) == set(KINDS)


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("profile", "purpose: night\nusers: 5\nspawn_rate: 2\nduration: 90\nabort_when: [{metric: p95_ms, above: 5s, for: 30s}]"),
        ("environment", "base_url: http://127.0.0.1:1\nhealth: none\nenv: {PORT: 8080, DEBUG: true}\nsecrets: {TOKEN: }"),
        ("environment", "base_url: http://127.0.0.1:1\nhealth_path: /live"),
        ("environment", "base_url: http://127.0.0.1:1\nhealth: {path: /live, headers: {X-A: '${A}'}}"),
        ("schedule", "scenario: a\nenvironment: b\nprofile: c\ncron: 0 2 * * 1\nowners: [ada]\noverrides: {duration: 60}"),
        ("targets", "endpoints: {GET /: {p95_ms: 200ms, rps: 5}}\ntotal: {error_rate: 1%}"),
        ("criteria", "muted: [{endpoint: GET /, reason: known, expires: 2030-01-31}]"),
    ],
)
def test_other_spellings_that_the_product_reads_are_accepted(kind: str, text: str) -> None:
    assert problems(kind, text) == []


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("profile", "purpose: x\nusers: many"),
        ("targets", "total: {p94_ms: 5}"),
        ("schedule", "owners: 5"),
        ("scenario", "tags: {}"),
    ],
)
def test_mistakes_are_marked(kind: str, text: str) -> None:
    assert problems(kind, text) != []
