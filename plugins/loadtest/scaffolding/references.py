"""References of an OpenAPI document to other documents: what they point to is put into the document itself.

Files are followed below the document's folder or the working directory; addresses only when asked, because they are somebody
else's. What is not followed counts as "anything" and is named once.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urldefrag, urljoin, urlsplit

from loadtest.errors import ConfigurationError, LoadTestError
from loadtest.scaffolding.documents import read_any
from loadtest.wording import listing, plural

HELD = "x-other-documents"
MOST_DOCUMENTS = 500


def with_other_documents(data: dict[str, Any], source: str, *, follow_addresses: bool = False) -> tuple[dict[str, Any], str]:
    """The document with all that it refers to elsewhere under `HELD`, and a sentence about what was not followed, or nothing.

    Raises ConfigurationError for a file that is not there, cannot be read, or lies elsewhere.
    """
    bundle = _Bundle(source, follow_addresses)
    whole = bundle.copied(data, source)
    if bundle.held:
        whole[HELD] = bundle.held
    if not bundle.left:
        return whole, ""
    kinds = listing(sorted(bundle.left), 2)
    few = len(bundle.left) == 1
    return whole, (
        f"{plural(len(bundle.left), 'document')} at other addresses {'was' if few else 'were'} not read ({kinds}), so what "
        f"{'it' if few else 'they'} would say is left open; read {'it' if few else 'them'} too with --follow-references."
    )


class _Bundle:
    """`held`: other documents by key; `left`: addresses that were not followed."""

    def __init__(self, source: str, follow_addresses: bool) -> None:
        self._follow = follow_addresses
        self._main = source
        self._keys: dict[str, str] = {source: ""}
        self.held: dict[str, Any] = {}
        self.left: set[str] = set()

    def copied(self, node: Any, source: str, done: dict[int, Any] | None = None) -> Any:
        """A part of the document `source` with its references as they are in the whole."""
        done = {} if done is None else done
        if id(node) in done:
            return done[id(node)]
        if isinstance(node, list):
            copy: Any = []
            done[id(node)] = copy
            copy.extend(self.copied(item, source, done) for item in node)
            return copy
        if not isinstance(node, dict):
            return node
        copy = done[id(node)] = {}
        for key, value in node.items():
            is_reference = key == "$ref" and isinstance(value, str)
            copy[key] = self._reference(value, source) if is_reference else self.copied(value, source, done)
        return copy

    def _reference(self, reference: str, source: str) -> str:
        where, fragment = urldefrag(reference)
        if where and (key := self._key_of(where, source)) is None:
            return reference
        key = self._keys[source] if not where else key
        pointer = fragment if fragment.startswith("/") else ""
        return f"#/{HELD}/{key}{pointer}" if key else f"#{pointer}"

    def _key_of(self, where: str, source: str) -> str | None:
        """Key of another document, read the first time; "" for the main one; None where it is not followed."""
        target = self._target(where, source)
        if target is None:
            return None
        if target not in self._keys:
            if len(self._keys) >= MOST_DOCUMENTS:
                raise ConfigurationError(f"{self._main} refers to more than {MOST_DOCUMENTS} other documents; bundle it first.")
            self._keys[target] = key = f"d{len(self._keys)}"
            try:
                found = read_any(target)
            except LoadTestError as error:
                raise ConfigurationError(f"{source} refers to {where[:200]}, which cannot be used: {error}") from None
            self.held[key] = {}
            self.held[key] = self.copied(found, target)
        return self._keys[target]

    def _target(self, where: str, source: str) -> str | None:
        if urlsplit(source).scheme in ("http", "https") or urlsplit(where).scheme in ("http", "https"):
            address = urljoin(source, where) if urlsplit(source).scheme in ("http", "https") else where
            if address == self._main or self._follow:
                return address
            self.left.add(address)
            return None
        path = (Path(source).resolve().parent / unquote(where)).resolve()
        if path == Path(self._main).resolve():
            return self._main
        if not any(path.is_relative_to(folder) for folder in self._folders()):
            raise ConfigurationError(
                f"{source} refers to {where[:200]}, which lies outside of its folder; put it below, or run init from the folder "
                "that holds both."
            )
        return str(path)

    def _folders(self) -> Iterator[Path]:
        yield Path(self._main).resolve().parent
        yield Path.cwd()
