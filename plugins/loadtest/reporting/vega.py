"""Vega, Vega-Lite and Vega-Embed as one script, from vl-convert's own copy. No download.

Bundling takes two seconds, so the result is kept in the scratch folder, under the version that made it.
"""

from __future__ import annotations

import contextlib
from importlib.metadata import version

from loadtest import files
from loadtest.settings import settings


def vega_bundle() -> str:
    """The script's text; sets `window.vegaEmbed`."""
    import vl_convert

    kept = settings().scratch / f"vega-{version('vl-convert-python')}.js"
    with contextlib.suppress(OSError, UnicodeDecodeError):
        return kept.read_text(encoding="utf-8")
    text = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")
    with contextlib.suppress(OSError):  # a full or read-only disk costs two seconds, no report
        files.write_text(kept, text)
    return text
