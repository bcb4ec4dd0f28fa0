"""The shell blocks of the README and the documentation, as scripts that a test runs.

A comment on the lines before a ```sh block says where it differs from what a reader types; all of them are listed by
`python -m tests.support.documented_commands`:

    <!-- not run: REASON -->                      the block; with a beginning, only the lines that begin so:
    <!-- not run, `make test`: REASON -->
    <!-- run with `--duration 8s`: REASON -->     options added to each `loadtest` line (or to those that begin so)
    <!-- exits 0 or 1: REASON -->                 the exit codes that are expected, 0 otherwise
    <!-- needs a service -->                      at http://127.0.0.1:8000, where the test puts the tutorial's shop
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt

ROOT = Path(__file__).resolve().parents[2]
TUTORIAL = "docs/tutorial.md"  # tests/end_to_end/test_tutorial.py follows it from an empty folder
PAGES = sorted([*ROOT.glob("*.md"), *(path for path in (ROOT / "docs").rglob("*.md") if path.parent.name != "reference")])
SHELL = re.compile(
    r"\s*([A-Z_]+=\S* )*(\S*/)?(loadtest|make|git|docker|kubectl|helm|curl|pip|python3?|airflow|cd|export) [\w$./<-]|\S+\.sh\b"
)
_COMMENT = re.compile(
    r"<!-- (?P<kind>not run|run with `(?P<options>[^`]+)`|exits (?P<codes>[\d or]+)|needs a service)"
    r"(, `(?P<beginning>[^`]+)`)?(: (?P<reason>.+))? -->"
)


@dataclass(frozen=True)
class Difference:
    """What a comment says of the lines that begin with `beginning`."""

    kind: str
    beginning: str
    options: str
    codes: tuple[int, ...]
    reason: str

    def concerns(self, line: str) -> bool:
        return f"{line} ".startswith(self.beginning)


@dataclass(frozen=True)
class Block:
    page: str
    line: int
    text: str
    differences: tuple[Difference, ...]

    @property
    def commands(self) -> list[str]:
        """Whole command lines: continued ones joined."""
        return [line for line in self.text.replace("\\\n", "").splitlines() if line.strip() and not line.startswith("#")]

    def script(self) -> Iterator[str]:
        for line in self.commands:
            about = [one for one in self.differences if one.concerns(line)]
            if any(one.kind == "not run" for one in about):
                continue
            for options in (one.options for one in about if one.options and line.startswith("loadtest ")):
                line = re.sub(r"(\s+#.*)?$", f" {options}", line, count=1)
            allowed = next((one.codes for one in about if one.codes), (0,))
            yield f"echo {shlex.quote(f'$ {line}')}"
            yield f"code=0\n{line}\ncode=$?"
            wrong = shlex.quote(f"{self.page}:{self.line}: {line}")
            codes = "|".join(map(str, allowed))
            yield f"case $code in {codes}) ;; *) echo FAILED {wrong}: exit code $code; exit 97 ;; esac"


def blocks(page: Path) -> list[Block]:
    """Of one page, in order."""
    lines, name = page.read_text("utf-8").splitlines(), str(page.relative_to(ROOT))
    found = []
    for token in MarkdownIt().parse("\n".join(lines)):
        if token.type == "fence" and token.info.strip() == "sh" and token.map:
            start = token.map[0]
            found.append(Block(name, start + 1, token.content, tuple(_before(lines, start))))
    return found


def _before(lines: list[str], start: int) -> Iterator[Difference]:
    while start and (match := _COMMENT.fullmatch(lines[start - 1].strip())):
        start -= 1
        codes = tuple(int(code) for code in re.findall(r"\d+", match["codes"] or ""))
        kind = match["kind"].split(" `")[0]
        yield Difference(kind, match["beginning"] or "", match["options"] or "", codes, match["reason"] or "")


def shell_elsewhere(page: Path) -> list[int]:
    """Lines of code blocks that look like commands and are in no ```sh block, so that nothing runs them."""
    return [
        token.map[0] + 1
        for token in MarkdownIt().parse(page.read_text("utf-8"))
        if (token.type == "code_block" or (token.type == "fence" and token.info.strip() in {"", "bash", "shell", "console"}))
        and token.map
        and any(SHELL.match(line) for line in token.content.splitlines())
    ]


def main() -> None:
    found = [block for page in PAGES for block in blocks(page)]
    print(f"{len(found)} blocks, {sum(len(block.commands) for block in found)} commands")
    for block in found:
        for one in block.differences:
            print(f"{block.page}:{block.line}: {one.kind} {one.options or one.beginning}: {one.reason}")


if __name__ == "__main__":
    main()
