"use strict";
// What runs now, the latest verdict of each series, the newest runs. Everything from outside is set as text, never as HTML.

const RUNNING_POLL_MS = 2000;
const IDLE_POLL_MS = 5000;
const SVG = "http://www.w3.org/2000/svg";

const element = (tag, attributes, ...children) => {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) node.setAttribute(name, value);
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
};

const drawn = (tag, attributes, ...children) => {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
};

const cell = (label, className, ...children) => element("td", { role: "cell", "data-label": label, class: className }, ...children);
const badge = (run) => element("span", { class: `badge ${run.state}` }, `${run.sign} ${run.label}`);
const known = (value) => value !== null && value !== undefined;
const ms = (value) => (known(value) ? `${value < 10 ? value.toFixed(2) : value < 100 ? value.toFixed(1) : Math.round(value).toLocaleString("en")} ms` : "–");
const rate = (value) => (known(value) ? value.toLocaleString("en", { maximumFractionDigits: value < 100 ? 1 : 0 }) : "–");
const percent = (share) => (known(share) ? `${(100 * share).toLocaleString("en", { maximumSignificantDigits: 2 })} %` : "–");
const span = (seconds) => {
  const whole = Math.max(0, Math.round(seconds));
  return whole < 100 ? `${whole} s` : `${Math.floor(whole / 60)} min ${whole % 60} s`;
};

function when(run) {
  if (!run.created_at) return "";
  const date = new Date(run.created_at);
  const year = date.getFullYear() === new Date().getFullYear() ? undefined : "numeric";
  const text = date.toLocaleString(undefined, { year, month: "short", day: "numeric", hour: "2-digit", minute: "2-digit" });
  return element("time", { datetime: run.created_at, title: date.toISOString() }, text);
}

// --- links

function links(run) {
  const found = [];
  if (run.report) found.push(named("a", "Report", run, { href: `runs/${encodeURIComponent(run.run_id)}/report.html` }));
  if (/^https?:\/\//.test(run.airflow_url || "")) {
    const link = named("a", "DAG run", run, { href: run.airflow_url });
    link.addEventListener("click", leaveFrame);
    found.push(link);
  }
  return found;
}

// A list of links all called "Report" says nothing to somebody who hears it.
const named = (tag, text, run, attributes) => element(tag, { ...attributes, "aria-label": `${text} of ${run.series}, ${run.run_id}` }, text);

// Airflow shows this page in a frame that may not navigate what is around it, and its UI does not belong inside that frame.
// The page around is of the same origin, so it opens the link itself.
function leaveFrame(event) {
  if (window.parent === window) return;
  event.preventDefault();
  const link = window.parent.document.createElement("a");
  link.href = event.currentTarget.href;
  link.click();
}

// --- charts

// y of each value in a box of the given height: `least` at the bottom, the largest value at the top.
const heights = (values, least, height, margin) => {
  const range = Math.max(...values) - least || 1;
  return values.map((value) => height - margin - ((value - least) / range) * (height - 2 * margin));
};
const line = (xs, ys) => xs.map((x, number) => `${number ? "L" : "M"}${x.toFixed(1)} ${ys[number].toFixed(1)}`).join("");

const MARKS = {
  pass: "m-2 0a2 2 0 1 0 4 0a2 2 0 1 0-4 0",
  warn: "m0-4l4 7h-8z",
  fail: "m-4-4l8 8m0-8l-8 8",
  inconclusive: "m-3 0a3 3 0 1 0 6 0a3 3 0 1 0-6 0",
};

function trend(points) {
  if (!points.length) return element("span", { class: "quiet" }, "no comparable run");
  const [width, height] = [150, 28];
  const values = points.map((point) => point.p95_ms);
  const ys = heights(values, Math.min(...values) / 2, height, 6);
  const xs = values.map((_, number) => (values.length < 2 ? width / 2 : 6 + (number * (width - 12)) / (values.length - 1)));
  const name = `p95 of ${values.length} comparable runs, oldest first: ${points.map((point) => `${ms(point.p95_ms)} ${point.state}`).join(", ")}`;
  const marks = points.map((point, number) => drawn("path", { class: `mark ${point.state}`, d: `M${xs[number].toFixed(1)} ${ys[number].toFixed(1)}${MARKS[point.state]}` }));
  const chart = drawn("svg", { class: "trend", viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": name }, drawn("path", { d: line(xs, ys) }), ...marks);
  const range = `${ms(Math.min(...values))} – ${ms(Math.max(...values))}`.replace(" ms –", " –");
  return element("div", null, chart, element("span", { class: "quiet" }, values.length < 2 ? "the first of its kind" : `${range}, ${values.length} runs`));
}

function curve(values) {
  const [width, height] = [300, 60];
  const xs = values.map((_, number) => (number * width) / Math.max(1, values.length - 1));
  const path = drawn("path", { d: line(xs, heights(values, 0, height, 3)) });
  return drawn("svg", { class: "curve", viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", "aria-hidden": "true" }, path);
}

// --- tables

function what(run) {
  const slowed = run.slowdown ? element("span", { class: "bad" }, `Slowed down on purpose: ${run.slowdown}. `) : null;
  return element("th", { role: "rowheader", scope: "row" }, element("strong", null, run.series), slowed, run.sentence);
}

const scheduleRow = (one) => element("tr", { role: "row" },
  cell("Last verdict", "", badge(one)),
  element("th", { role: "rowheader", scope: "row" }, element("strong", null, one.name), one.sentence),
  cell("What", "", one.series),
  cell("When", "", one.when),
  cell("Next", "", when({ created_at: one.next_at })));

const seriesRow = (run) => element("tr", { role: "row" },
  cell("", "", badge(run)), what(run), cell("p95", "number", ms(run.p95_ms)), cell("Trend of p95", "", trend(run.trend)),
  cell("When", "", when(run)), cell("", "see", ...links(run)));

const runRow = (run) => element("tr", { role: "row" },
  cell("", "choose", known(run.rps) ? chooser(run) : null),
  cell("", "", badge(run)), what(run), cell("p95", "number", ms(run.p95_ms)), cell("Requests/s", "number", rate(run.rps)),
  cell("Errors", "number", percent(run.error_rate)),
  cell("When, who", "", when(run), element("div", { class: "quiet" }, [run.by, run.commit.slice(0, 10)].filter(Boolean).join(", "))),
  cell("", "see", ...links(run)));

// --- two runs to compare

const chosen = []; // ids, in the order of choice; at most two

function chooser(run) {
  const box = named("input", "", run, { type: "checkbox", value: run.run_id });
  box.setAttribute("aria-label", `Compare: ${run.series}, ${run.run_id}`);
  box.checked = chosen.includes(run.run_id);
  box.addEventListener("change", () => {
    const place = chosen.indexOf(run.run_id);
    if (place >= 0) chosen.splice(place, 1);
    if (box.checked) chosen.push(run.run_id);
    if (chosen.length > 2) chosen.shift();
    for (const other of document.querySelectorAll("td.choose input")) other.checked = chosen.includes(other.value);
    showChoice();
  });
  return box;
}

// The list shows the newest first, so of two runs the lower one is what the upper one is compared with.
function showChoice() {
  const order = [...document.querySelectorAll("td.choose input")].map((box) => box.value);
  const [b, a] = [...chosen].sort((one, other) => order.indexOf(one) - order.indexOf(other));
  const said = document.getElementById("choice");
  if (!a) said.replaceChildren(chosen.length ? "Choose one more run to compare it with." : "Choose two runs to compare them.");
  else said.replaceChildren(element("a", { href: `compare?${new URLSearchParams({ a, b })}` }, "Compare the two runs"), `: ${b} against ${a}`);
}

// --- what runs now

// A box is made once and then updated in place: whoever tabs through it or is about to stop the load must not lose the place.
function liveBox(run) {
  const heading = element("h3");
  const bar = element("progress", { "aria-label": "Elapsed time" });
  const facts = element("dl");
  const seen = { p95: [], rps: [] };
  const curves = element("div", { class: "curves" });
  const slowest = element("div");
  const validity = element("div", { class: "validity" });
  const stop = run.live.task ? stopControl(run) : null;
  const box = element("article", { class: "load", "aria-label": run.series },
    element("header", null, heading, badge(run), element("span", { class: "quiet" }, [run.by, run.commit.slice(0, 10)].filter(Boolean).join(", ")), element("span", { class: "see" }, ...links(run))),
    bar, facts, validity, curves, slowest, stop);
  const update = ({ live, series }) => {
    heading.textContent = live.confirmation ? `${series}: confirmation ${live.confirmation} of 2` : series;
    bar.max = Math.max(1, live.elapsed_s + live.remaining_s);
    bar.value = live.elapsed_s;
    facts.replaceChildren(...[
      ["Stage", live.stage], ["Elapsed", span(live.elapsed_s)], ["Remaining", span(live.remaining_s)], ["Users", live.users.toLocaleString("en")],
      ["Requests/s", rate(live.rps)], ["p50", ms(live.p50_ms)], ["p95", ms(live.p95_ms)], ["Requests", live.requests.toLocaleString("en")],
      ["Failures", live.failures.toLocaleString("en")],
    ].map(([name, value]) => element("div", null, element("dt", null, name), element("dd", null, value))));
    validity.replaceChildren(...(live.warnings.length
      ? live.warnings.map((warning) => element("p", { class: "bad" }, `! ${warning}`))
      : [element("p", { class: "quiet" }, "Valid so far: nothing speaks against this measurement.")]));
    if (known(live.p95_ms)) {
      seen.p95.push(live.p95_ms);
      seen.rps.push(live.rps);
    }
    curves.replaceChildren(...(seen.p95.length < 2 ? [] : [
      element("figure", null, element("figcaption", null, `p95 since this page was opened, up to ${ms(Math.max(...seen.p95))}`), curve(seen.p95)),
      element("figure", null, element("figcaption", null, `Requests/s, up to ${rate(Math.max(...seen.rps))}`), curve(seen.rps)),
    ]));
    slowest.replaceChildren(...(live.slowest.length ? [slowestTable(live.slowest)] : []));
  };
  return { box, update };
}

const slowestTable = (rows) => element("table", null,
  element("thead", null, element("tr", null, element("th", { scope: "col" }, "Slowest endpoints so far"),
    ...["Requests", "p50", "p95", "Failures"].map((name) => element("th", { scope: "col", class: "number" }, name)))),
  element("tbody", null, ...rows.map((row) => element("tr", null, element("th", { scope: "row" }, row.endpoint),
    ...[row.requests.toLocaleString("en"), ms(row.p50_ms), ms(row.p95_ms), row.failures.toLocaleString("en")].map((text) => element("td", { class: "number" }, text))))));

// Fails the load task with the reader's own rights: the load ends, its data are kept, and report and clean-up still run.
// To fail the whole run would skip the report.
function stopControl(run) {
  const { dag_id, dag_run_id, task_id } = run.live.task;
  const button = named("button", "Stop the load", run, { type: "button" });
  const said = element("p", { role: "status" });
  button.addEventListener("click", async () => {
    button.disabled = true;
    said.textContent = "Stopping…";
    const path = [dag_id, "dagRuns", dag_run_id, "taskInstances", task_id].map(encodeURIComponent).join("/");
    const body = JSON.stringify({ new_state: "failed", note: "Stopped from the dashboard." });
    try {
      const answer = await fetch(`../api/v2/dags/${path}`, { method: "PATCH", headers: { "Content-Type": "application/json" }, body });
      if (!answer.ok) throw new Error(answer.status === 403 ? "your role may not do this" : `Airflow answered ${answer.status}`);
    } catch (error) {
      button.disabled = false;
      said.textContent = `Not stopped: ${error.message}.`;
    }
  });
  const why = "It ends within seconds and keeps its data. The verdict will be invalid, the report is written.";
  return element("details", null, element("summary", null, "Stop…"), element("p", null, why), button, said);
}

// --- keeping it fresh

const boxes = new Map();
const shown = {};

function showRunning(runs) {
  const key = (run) => `${run.run_id} ${run.live.confirmation}`;
  for (const gone of [...boxes.keys()].filter((name) => !runs.some((run) => key(run) === name))) {
    boxes.get(gone).box.remove();
    boxes.delete(gone);
  }
  for (const run of runs) {
    if (!boxes.has(key(run))) {
      boxes.set(key(run), liveBox(run));
      document.getElementById("live").append(boxes.get(key(run)).box);
    }
    boxes.get(key(run)).update(run);
  }
  document.getElementById("running").hidden = !runs.length;
}

// Rows that say the same as before stay as they are, with the focus and the selection in them.
function showRows(id, section, runs, row) {
  const text = JSON.stringify(runs);
  if (shown[id] === text) return;
  shown[id] = text;
  document.getElementById(id).replaceChildren(...runs.map(row));
  document.getElementById(section).hidden = !runs.length;
}

async function refresh() {
  const state = document.getElementById("state");
  try {
    const answer = await fetch("api/runs");
    if (!answer.ok) throw new Error(answer.status === 401 ? "log in to Airflow again" : `HTTP ${answer.status}`);
    const { runs, series, schedules } = await answer.json();
    const running = runs.filter((run) => run.live);
    showRunning(running);
    showRows("series", "latest", series, seriesRow);
    showRows("schedules", "planned", schedules, scheduleRow);
    showRows("runs", "newest", runs.map(({ live, ...rest }) => rest), runRow);
    state.textContent = runs.length ? "" : "No run yet. Trigger the DAG load_test, or wait for a schedule: its verdict, report and trend appear here.";
    return running.length ? RUNNING_POLL_MS : IDLE_POLL_MS;
  } catch (error) {
    state.textContent = `Cannot read the runs: ${error.message}.`;
    return IDLE_POLL_MS;
  }
}

// A dashboard that nobody looks at asks for nothing: the host may be sending load.
const inView = () => document.hidden && new Promise((resolve) => document.addEventListener("visibilitychange", resolve, { once: true }));

(async () => {
  for (;;) {
    const pause = await refresh();
    await new Promise((resolve) => setTimeout(resolve, pause));
    await inView();
  }
})();
