"""Files from outside as text, tables, JSON or XML: bounded, and refused in one sentence when damaged."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from loadtest.errors import ConfigurationError

MOST_WHOLE_BYTES = 256 * 2**20  # of a file that must be read as a whole
MOST_LINE = 2**20
DELIMITERS = (",", ";", "\t", "|")


@contextmanager
def opened(path: Path) -> Iterator[IO[str]]:
    """The file as text, with or without a byte-order mark."""
    try:
        with path.open("rb") as binary:
            encoding = "utf-16" if binary.read(2) in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
        with path.open(encoding=encoding, newline="") as stream:
            yield stream
    except FileNotFoundError:
        raise ConfigurationError(f"{path} does not exist.") from None
    except UnicodeDecodeError:
        raise ConfigurationError(f"{path} is no text file (neither UTF-8 nor UTF-16); nothing was imported.") from None
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}.") from None


def beginning(path: Path, characters: int = 4096) -> str:
    with opened(path) as stream:
        return stream.read(characters)


def whole_json(path: Path) -> Any:
    if path.stat().st_size > MOST_WHOLE_BYTES:
        raise ConfigurationError(f"{path} is larger than {MOST_WHOLE_BYTES // 2**20} MiB; nothing was imported.")
    with opened(path) as stream:
        text = stream.read()
    try:
        return json.loads(text, object_pairs_hook=_once)
    except _StandsTwice as error:
        raise ConfigurationError(f"{path}: {error} stands there twice; nothing was imported.") from None
    except json.JSONDecodeError as error:
        what = "ends too early" if error.pos >= len(text.rstrip()) else f"is not valid JSON: {error.msg}"
        raise ConfigurationError(f"{path} {what} (line {error.lineno}, column {error.colno}); nothing was imported.") from None
    except (RecursionError, ValueError):  # nested too deeply, or an integer of thousands of digits
        raise ConfigurationError(
            f"{path} is no JSON that can be read: too deep, or a number too long; nothing imported."
        ) from None


class _StandsTwice(Exception):
    pass


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object, each of whose keys stands there once: of two, JSON would quietly take the last."""
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        raise _StandsTwice(repr(next(key for key in keys if keys.count(key) > 1)[:80]))
    return found


def json_lines(path: Path) -> Iterator[tuple[str, Any]]:
    """(place, item) of each line; the file is never in memory as a whole."""
    with opened(path) as stream:
        for number, line in enumerate(_lines(stream, path), start=1):
            if not line.strip():
                continue
            place = f"{path} line {number}"
            try:
                yield place, json.loads(line)
            except (json.JSONDecodeError, RecursionError, ValueError) as error:
                cut = "it ends in the middle, so the file may be cut" if not line.endswith("\n") else str(error)[:80]
                raise ConfigurationError(f"{place} is not valid JSON: {cut}; nothing was imported.") from None


def table(path: Path, *, names: tuple[str, ...] | None = None) -> Iterator[tuple[str, dict[str, str]]]:
    """(place, row by column name) of a CSV file, whatever its delimiter. `names`: of a file without a heading; values beyond them
    are left out. Raises ConfigurationError for a row that is cut."""
    delimiter = delimiter_of(beginning(path))
    with opened(path) as stream:
        rows = csv.reader(_lines(stream, path), delimiter=delimiter, strict=True)
        heading = list(names) if names else None
        try:
            for cells in rows:
                place = f"{path} line {rows.line_num}"
                if not cells or not any(cell.strip() for cell in cells):
                    continue
                if heading is None:
                    heading = [cell.strip() for cell in cells]
                    if len(set(heading)) != len(heading):
                        raise ConfigurationError(f"{place} names a column twice; nothing was imported.")
                    continue
                if len(cells) < len(heading):
                    raise ConfigurationError(
                        f"{place} has {len(cells)} of {len(heading)} columns, so the file may be cut; nothing was imported."
                    )
                yield place, dict(zip(heading, cells, strict=False))
        except csv.Error as error:
            raise ConfigurationError(f"{path} line {rows.line_num} is no CSV: {error}; nothing was imported.") from None


def delimiter_of(text: str) -> str:
    first = next((line for line in text.splitlines() if line.strip()), "")
    return max(DELIMITERS, key=first.count)


def columns_of(text: str) -> list[str]:
    """The heading of a CSV file's beginning."""
    first = next((line for line in text.splitlines() if line.strip()), "")
    return [cell.strip() for cell in next(csv.reader([first], delimiter=delimiter_of(text)), [])]


def elements(path: Path, root: str, tags: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    """(place, element) of each child of the root whose tag is one of `tags`, read one after the other: an XML file of any size
    takes little memory. Entities and document types are refused, for they can be bombs."""
    from xml.etree.ElementTree import ParseError

    from defusedxml import DefusedXmlException
    from defusedxml.ElementTree import iterparse

    depth, number, top = 0, 0, None
    try:
        with path.open("rb") as stream:
            for event, element in iterparse(stream, events=("start", "end"), forbid_dtd=True):
                if event == "start":
                    depth += 1
                    top = element if top is None else top
                    if depth == 1 and element.tag != root:
                        raise ConfigurationError(f"{path} begins with <{element.tag[:40]}>, not <{root}>; nothing was imported.")
                    continue
                depth -= 1
                if depth == 1:
                    number += 1
                    if element.tag in tags:
                        yield f"{path} <{element.tag}> number {number}", element
                    if top is not None:
                        top.clear()
    except DefusedXmlException:
        raise ConfigurationError(
            f"{path} declares a document type or entities, which is refused; nothing was imported."
        ) from None
    except (ParseError, ValueError) as error:
        raise ConfigurationError(f"{path} is no XML that can be read: {str(error)[:100]}; nothing was imported.") from None
    except FileNotFoundError:
        raise ConfigurationError(f"{path} does not exist.") from None
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}.") from None


def _lines(stream: IO[str], path: Path) -> Iterator[str]:
    while line := stream.readline(MOST_LINE + 1):
        if len(line) > MOST_LINE:
            raise ConfigurationError(f"{path} has a line of more than {MOST_LINE:,} characters; nothing was imported.")
        yield line
