"""Whatever a document says, the file that is written from it holds our code and nothing else."""

from __future__ import annotations

import ast
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from loadtest.scaffolding.locustfile import write_locustfile
from loadtest.scaffolding.openapi import read_service
from loadtest.scaffolding.python_text import identifier, literal, sentence, string

EVIL = st.sampled_from(
    [
        '"""\nimport os\nos.system("x")\n"""',
        "'); __import__('os').system('x'); ('",
        "{__import__('os')}",
        "/a\n    evil()",
        "\\",
        "\u2028evil()",
        "{self}",
        "class",
        "on_start",
        "../../etc/passwd",
        "%",
        '"',
        "\ud800",
        "\x00",
        "x" * 300,
    ]
)
HOSTILE = st.one_of(st.text(max_size=20), EVIL)
OUR_CALLS = {"get", "post", "put", "patch", "values_of", "some", "between", "task", "list", "quote", "str", "choice", "json"}
OUR_CALLS |= {"encode", "decode", "b64encode", "FastHttpUser"}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=True) | HOSTILE,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(HOSTILE, inner, max_size=3),
    max_leaves=8,
)


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    name, tag, evil = draw(HOSTILE), draw(HOSTILE), draw(HOSTILE)
    schema = {"type": "object", "required": [evil], "properties": {evil: {"type": "string", "example": evil}}}
    answer = {"200": {"content": {"application/json": {"schema": {"type": "object", "properties": {evil: {"type": "array"}}}}}}}
    answer["200"]["content"]["application/json"]["schema"]["properties"][evil]["items"] = {  # type: ignore[index]
        "type": "object",
        "properties": {name: {"type": "string"}, "id": {"type": "string"}},
    }
    parameters = [
        {"name": name, "in": place, "required": True, "schema": {"type": "string", "default": evil}}
        for place in ("query", "header", "cookie", "path")
    ]
    operation = {"operationId": evil, "summary": evil, "description": name, "tags": [tag], "security": [{evil: []}, {}]}
    security = draw(st.sampled_from(["apiKey", "http", "oauth2", "openIdConnect"]))
    scheme = {"type": security, "name": evil, "in": draw(st.sampled_from(["query", "header", "cookie"])), "scheme": evil}
    scheme["flows"] = {"password": {"tokenUrl": evil}}
    return {
        "openapi": draw(st.sampled_from(["3.0.0", "3.1.0"])),
        "info": {"title": evil},
        "servers": [{"url": evil}, {"url": "http://h/" + evil}],
        "security": [{evil: []}],
        "paths": {
            "/" + evil: {"get": {"responses": answer, "tags": [name], "summary": name}},
            "/" + evil + "/{" + name + "}": {
                "parameters": parameters,
                "get": operation | {"responses": answer},
                "post": {
                    "summary": name,
                    "requestBody": {"content": {"application/json": {"schema": schema, "example": draw(JSON)}}},
                },
                "put": {"requestBody": {"content": {evil: {"schema": schema}}}},
                "delete": {},
            },
        },
        "components": {"securitySchemes": {evil: scheme}},
    }


@settings(max_examples=150, deadline=None)
@given(documents())
def test_nothing_of_a_hostile_document_becomes_code(document: dict[str, Any]) -> None:
    tree = ast.parse(write_locustfile(read_service(document, "evil.yaml")))
    assert {type(node) for node in tree.body} <= {ast.Expr, ast.ImportFrom, ast.Import, ast.Assign, ast.ClassDef, ast.FunctionDef}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            assert {alias.name for alias in node.names} <= {"os", "random", "base64"}
        if isinstance(node, ast.ImportFrom):
            assert node.module in ("__future__", "urllib.parse", "locust")
        if isinstance(node, ast.Call):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "?")
            is_own_task = isinstance(node.func, ast.Attribute) and getattr(node.func.value, "id", "") == "self"
            assert called in OUR_CALLS or is_own_task, called
        if isinstance(node, ast.Name):
            assert not node.id.startswith("__")


@settings(max_examples=150, deadline=None)
@given(JSON)
def test_a_literal_is_the_value(value: Any) -> None:
    text = literal(value)
    assert repr(eval(text, {"float": float})) == repr(value) or "\\ud" in ascii(value)


@given(HOSTILE)
def test_strings_names_and_sentences(text: str) -> None:
    assert ast.literal_eval(string(text)) == text
    assert identifier(text).isidentifier() and identifier(text).isascii()
    assert ast.literal_eval(f'"""{sentence(text)}"""') == sentence(text)
    assert "\n" not in sentence(text)
