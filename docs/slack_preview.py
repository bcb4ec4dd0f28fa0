"""A message of Block Kit as a page: how it reads, not how Slack draws it. Knows the blocks that our messages are made of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from markupsafe import Markup, escape

STYLE = """
body { margin: 0; padding: 16px 20px; width: 640px; font: 15px/1.46 Lato, "Noto Sans", Arial, sans-serif; color: #1d1c1d }
header { display: flex; gap: 8px; align-items: baseline; margin-bottom: 4px }
header small, .context { color: #616061; font-size: 12px }
h1 { font-size: 18px; margin: 6px 0 }
p { margin: 6px 0; white-space: pre-line }
ul { margin: 2px 0 6px; padding-left: 24px }
code { font: 12px/1.5 "DejaVu Sans Mono", monospace; color: #c01343; background: #f6f6f6; border: 1px solid #ddd }
.fields { display: grid; grid-template-columns: 1fr 1fr; gap: 8px; margin: 8px 0; white-space: pre-line }
.buttons span { display: inline-block; border: 1px solid #bbb; border-radius: 4px; padding: 4px 12px; margin: 4px 8px 4px 0 }
"""


def page(blocks: Sequence[dict[str, Any]], sender: str = "Load tests") -> str:
    """A whole HTML page. Raises KeyError for a block that our messages do not use."""
    body = Markup("\n").join(_BLOCKS[block["type"]](block) for block in blocks)
    head = Markup("<header><b>{}</b> <small>preview of the message</small></header>").format(sender)
    top = Markup(f"<!doctype html><meta charset=utf-8><style>{STYLE}</style>")  # noqa: S704 (our own style sheet)
    return str(top + head + body)


def _header(block: dict[str, Any]) -> Markup:
    return Markup("<h1>{}</h1>").format(block["text"]["text"])


def _section(block: dict[str, Any]) -> Markup:
    cells = Markup("").join(Markup("<div>{}</div>").format(field["text"]) for field in block["fields"])
    return Markup("<div class=fields>{}</div>").format(cells)


def _context(block: dict[str, Any]) -> Markup:
    return Markup("<p class=context>{}</p>").format(" ".join(element["text"] for element in block["elements"]))


def _actions(block: dict[str, Any]) -> Markup:
    labels = Markup("").join(Markup("<span>{}</span>").format(element["text"]["text"]) for element in block["elements"])
    return Markup("<div class=buttons>{}</div>").format(labels)


def _rich_text(block: dict[str, Any]) -> Markup:
    return Markup("").join(_rich_part(part) for part in block["elements"])


def _rich_part(part: dict[str, Any]) -> Markup:
    if part["type"] == "rich_text_list":
        return Markup("<ul>{}</ul>").format(
            Markup("").join(Markup("<li>{}</li>").format(_inline(item["elements"])) for item in part["elements"])
        )
    return Markup("<p>{}</p>").format(_inline(part["elements"]))


def _inline(elements: Sequence[dict[str, Any]]) -> Markup:
    return Markup("").join(_styled(element) for element in elements)


def _styled(element: dict[str, Any]) -> Markup:
    text, style = escape(element["text"]), element.get("style", {})
    if style.get("code"):
        text = Markup("<code>{}</code>").format(text)
    return Markup("<b>{}</b>").format(text) if style.get("bold") else text


_BLOCKS = {"header": _header, "section": _section, "context": _context, "actions": _actions, "rich_text": _rich_text}
