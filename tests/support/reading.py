"""A page as people read it: the text without markup, and what of it stands there twice."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from html.parser import HTMLParser

UNSEEN = {"script", "style", "title", "svg"}
INLINE = {"a", "code", "em", "span", "strong", "b", "i"}
WORD = re.compile(r"[^\W\d_]{2,}")
LEAST_WORDS = 5  # fewer are a label, which may stand at many places


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.blocks = [""]
        self._unseen = 0

    def handle_starttag(self, tag, attrs):
        self._unseen += tag in UNSEEN
        if tag not in INLINE:
            self.blocks.append("")

    def handle_endtag(self, tag):
        self._unseen -= tag in UNSEEN
        if tag not in INLINE:
            self.blocks.append("")

    def handle_data(self, data):
        if not self._unseen:
            self.blocks[-1] += data


def _blocks(html: str) -> list[str]:
    reader = _Reader()
    reader.feed(html)
    return [text for block in reader.blocks if (text := " ".join(block.split()))]


def visible_text(html: str) -> str:
    return " ".join(_blocks(html))


def repeated_sentences(html: str) -> list[str]:
    """Sentences that a page says more than once; what opens by a click counts as well."""
    return repeated(sentence for block in _blocks(html) for sentence in re.split(r"(?<=[.!?])\s+", block))


def repeated(sentences: Iterable[str]) -> list[str]:
    """Those that stand there more than once."""
    told = Counter(sentence.rstrip(".").casefold() for sentence in sentences if len(WORD.findall(sentence)) >= LEAST_WORDS)
    return [sentence for sentence, times in told.items() if times > 1]
