"""Self-contained HTML pages: one file, no outside request, nothing in the data can run.

Scripts are allowed by their hash alone (Content-Security-Policy), so text that escaped our escaping would still not run;
Vega interprets expressions instead of compiling them (`ast`), so no `unsafe-eval`. The trends page uses the same shell.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import ChoiceLoader, Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from loadtest import wording
from loadtest.reporting import format
from loadtest.reporting.inputs import RunFiles
from loadtest.reporting.records import ReportView
from loadtest.reporting.vega import vega_bundle
from loadtest.vocabulary import Outcome

if TYPE_CHECKING:
    from loadtest.reporting.charts import Chart

TEMPLATES = Path(__file__).parent / "templates"
MOST_FINDINGS = 50
MOST_SLOWER = 10  # rows of the first screen
FIRST_STEPS = 3
MOST_PASSED = 200


def render_report(view: ReportView, files: RunFiles) -> str:
    """`report.html` of one run."""
    from loadtest.reporting.run_charts import run_charts

    context = {
        "view": view,
        "most_findings": MOST_FINDINGS,
        "most_passed": MOST_PASSED,
        "most_slower": MOST_SLOWER,
        "first_steps": FIRST_STEPS,
        "lead_chart": _lead_chart(view),
    }
    return render_page(f"Load test {view.outcome_label.lower()}: {view.title}", "report.html.j2", context, run_charts(files))


def _lead_chart(view: ReportView) -> str:
    """The chart of the first screen, by name: how what got slower compares, or how a run went that ended badly."""
    if view.capacity:
        return "capacity"
    if view.slower:
        return "effects"
    return "latency" if view.outcome in (Outcome.FAIL, Outcome.WARN, Outcome.INVALID) else ""


def render_page(
    title: str,
    body_template: str,
    context: Mapping[str, Any],
    charts: Sequence[Chart] = (),
    *,
    templates: Path | None = None,
) -> str:
    """A page from a template that extends `base.html.j2`, with `charts` to place by `{{ chart("name") }}`.

    `templates`: a folder of the caller's own templates, searched before ours. Every value is escaped by Jinja.
    """
    folders = [folder for folder in (templates, TEMPLATES) if folder is not None]
    environment = Environment(
        loader=ChoiceLoader([FileSystemLoader(folder) for folder in folders]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(f=format, w=wording)
    scripts = [_script(_source("page.js"))]
    if charts:
        from loadtest.reporting.charts import CONFIG

        scripts.insert(0, _script(vega_bundle()))
        chart_config = json_block(CONFIG)
    else:
        chart_config = Markup("{}")
    by_name = {chart.name: chart for chart in charts}
    return environment.get_template(body_template).render(
        **context,
        page_title=title,
        charts=list(charts),
        chart_of=by_name.get,
        json_block=json_block,
        chart_config=chart_config,
        css=Markup(_source("page.css")),  # noqa: S704 (made from escaped parts)
        scripts=scripts,
        policy=content_security_policy([str(script) for script in scripts]),
    )


def content_security_policy(scripts: Sequence[str]) -> str:
    """Allows exactly these inline scripts and inline styles; no request to anywhere."""
    hashes = " ".join(f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'" for script in scripts)
    return (
        f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
    )


def json_block(value: Any) -> Markup:
    """JSON for a `<script type="application/json">`: no character in it can end the element."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for character, code in (("<", "\\u003c"), (">", "\\u003e"), ("&", "\\u0026"), ("\u2028", "\\u2028"), ("\u2029", "\\u2029")):
        text = text.replace(character, code)
    return Markup(text)  # noqa: S704 (made from escaped parts)


def _script(source: str) -> Markup:
    """Our own script or Vega's, as it will stand in the page; neither may hold what ends a script element."""
    if "</script" in source.lower() or "<!--" in source:
        source = source.replace("</script", "<\\/script").replace("</SCRIPT", "<\\/SCRIPT").replace("<!--", "<\\!--")
    # a browser hashes the text after it has normalized line ends
    return Markup(source.replace("\r\n", "\n").replace("\r", "\n"))  # noqa: S704 (made from escaped parts)


def _source(name: str) -> str:
    return (TEMPLATES / name).read_text(encoding="utf-8")
