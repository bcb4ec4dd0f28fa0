"""OpenAPI documents against a service that is nothing but the document: does `loadtest init` write what it accepts?

    python benchmarks/bench_init.py DOCUMENT... [--seconds 5] [--writes]

For each document: operations written and left out, requests that Locust sent, the share that openapi-core found valid.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "plugins")]

from loadtest.scaffolding.documents import read_document  # noqa: E402
from tests.support.document_trial import try_document  # noqa: E402


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("documents", nargs="+")
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--writes", action="store_true")
    options = parser.parse_args()
    print(f"{'document':40} {'tasks':>5} {'asked':>5} {'requests':>8} {'valid':>7}  first refusal")
    for source in options.documents:
        tried = try_document(read_document(source), source, seconds=options.seconds, writes=options.writes)
        share = "-" if tried.share_accepted is None else f"{100 * tried.share_accepted:.1f} %"
        problem = " ".join((tried.problem if tried.is_loaded else f"LOCUST: {tried.problem[-300:]}").split())[:160]
        sent = tried.accepted + tried.refused
        print(f"{Path(source).name[:40]:40} {tried.tasks:5} {tried.asked:5} {sent:8} {share:>7}  {problem}", flush=True)


if __name__ == "__main__":
    main()
