"use strict";
// Shows the newest runs and what is running. Everything from outside is set as text, never as HTML.

const element = (tag, text, className) => {
  const node = document.createElement(tag);
  if (text !== undefined && text !== null) node.textContent = text;
  if (className) node.className = className;
  return node;
};

const cell = (...children) => {
  const node = element("td");
  node.append(...children.filter(Boolean));
  return node;
};

const link = (text, href) => {
  const node = element("a", text);
  node.href = href;
  node.target = "_blank";
  node.rel = "noopener";
  return node;
};

const webLink = (text, href) => (/^https?:\/\//.test(href || "") ? link(text, href) : null);

function runRow(run) {
  const row = element("tr");
  const outcome = run.outcome || (run.progress ? "running" : "no_verdict");  // an interrupted run has neither
  const what = [run.scenario, run.environment, run.profile].filter(Boolean).join(" / ") || run.run_id;
  const when = run.created_at ? new Date(run.created_at).toLocaleString() : "";
  const who = [run.by, run.commit ? run.commit.slice(0, 10) : null].filter(Boolean).join(", ");
  const report = run.report ? link("report", `runs/${encodeURIComponent(run.run_id)}/report.html`) : element("span", "–");
  const airflow = webLink(" Airflow", run.airflow_url);
  row.append(
    cell(element("span", outcome.replace("_", " "), `outcome ${outcome}`)),
    cell(element("div", what), element("small", run.sentence || "")),
    cell(element("span", when)),
    cell(element("span", who)),
    cell(report, airflow),
  );
  return row;
}

function liveBox(run) {
  const p = run.progress;
  const box = element("div", null, "live");
  const bar = element("progress");
  bar.max = Math.max(1, p.elapsed_s + p.remaining_s);
  bar.value = p.elapsed_s;
  bar.setAttribute("aria-label", "Elapsed time");
  const facts = element("dl");
  const ms = (value) => (value === null ? "–" : `${value.toFixed(0)} ms`);
  for (const [name, value] of [
    ["stage", p.stage], ["users", p.users], ["requests", p.requests.toLocaleString()], ["requests/s", p.rps.toFixed(1)],
    ["p50", ms(p.p50_ms)], ["p95", ms(p.p95_ms)], ["failures", p.failures], ["remaining", `${Math.max(0, p.remaining_s).toFixed(0)} s`],
  ]) {
    const pair = element("div");
    pair.append(element("dt", name), element("dd", value));
    facts.append(pair);
  }
  box.append(element("strong", `${run.scenario} / ${run.environment} / ${run.profile}`), bar, facts);
  for (const warning of p.warnings || []) box.append(element("p", warning, "warn"));
  return box;
}

async function refresh() {
  const state = document.getElementById("state");
  try {
    const answer = await fetch("api/runs", { credentials: "same-origin" });
    if (!answer.ok) throw new Error(answer.status === 401 ? "log in to Airflow again" : `HTTP ${answer.status}`);
    const runs = await answer.json();
    document.getElementById("runs").replaceChildren(...runs.map(runRow));
    document.getElementById("live").replaceChildren(...runs.filter((run) => run.progress && !run.outcome).map(liveBox));
    state.textContent = runs.length ? "" : "No run yet: trigger the DAG load_test.";
  } catch (error) {
    state.textContent = `Cannot read the runs: ${error.message}.`;
  }
  setTimeout(refresh, 2000);
}

refresh();
