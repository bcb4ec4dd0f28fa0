"use strict";
(() => {
  document.getElementById("without-script")?.remove();

  // Charts: drawn by Vega when they come near the screen, all of them before printing.
  const config = JSON.parse(document.getElementById("chart-config").textContent);
  const pending = new Set();

  function draw(figure) {
    if (!pending.delete(figure)) return;
    const plot = figure.querySelector(".plot");
    const spec = JSON.parse(figure.querySelector(".spec").textContent);
    const own = { ...config, axisY: { labelLimit: Math.max(150, Math.round(plot.clientWidth * 0.4)) } };
    window
      .vegaEmbed(plot, spec, {
        ast: true,
        actions: false,
        renderer: "svg",
        config: own,
        defaultStyle: false,
        logLevel: 1, // errors; Vega warns about a choice without data, which the page says in words
        tooltip: { disableDefaultStyle: true, theme: "page" },
      })
      .then(() => (figure.dataset.drawn = "yes"))
      .catch((error) => {
        figure.dataset.drawn = "failed";
        plot.textContent = "This chart could not be drawn.";
        console.error(error);
      });
  }

  if (window.vegaEmbed) {
    document.querySelectorAll("figure.chart").forEach((figure) => pending.add(figure));
    const watcher = new IntersectionObserver(
      (entries) => entries.filter((entry) => entry.isIntersecting).forEach((entry) => draw(entry.target)),
      { rootMargin: "600px" },
    );
    pending.forEach((figure) => watcher.observe(figure));
    window.addEventListener("beforeprint", () => [...pending].forEach(draw));
  }

  // Tables: a heading's button sorts, a second press turns the order around; empty values stay last.
  document.querySelectorAll("table.sortable").forEach((table) => {
    const body = table.tBodies[0];
    const headings = [...table.tHead.rows[0].cells];
    headings.forEach((heading, column) => {
      const button = heading.querySelector("button");
      button.addEventListener("click", () => {
        const numeric = button.dataset.sort === "number";
        const before = heading.getAttribute("aria-sort");
        const descending = before ? before === "ascending" : numeric;
        const sign = descending ? -1 : 1;
        const rows = [...body.rows].map((row) => {
          const cell = row.cells[column];
          const text = cell.dataset.value ?? cell.textContent.trim();
          return { row, value: numeric ? (text === "" ? null : Number(text)) : text };
        });
        rows.sort((a, b) => {
          if (a.value === null || b.value === null) return (a.value === null) - (b.value === null);
          return sign * (numeric ? a.value - b.value : a.value.localeCompare(b.value));
        });
        headings.forEach((other) => other.removeAttribute("aria-sort"));
        heading.setAttribute("aria-sort", descending ? "descending" : "ascending");
        body.append(...rows.map((entry) => entry.row));
      });
    });
  });

  document.querySelectorAll("input[data-filter]").forEach((input) => {
    const body = document.getElementById(input.dataset.filter).tBodies[0];
    const status = document.querySelector(`[data-filtered="${input.dataset.filter}"]`);
    input.addEventListener("input", () => {
      const wanted = input.value.trim().toLowerCase();
      let shown = 0;
      for (const row of body.rows) {
        row.hidden = !row.cells[0].textContent.toLowerCase().includes(wanted);
        shown += row.hidden ? 0 : 1;
      }
      status.textContent = wanted ? `${shown} of ${body.rows.length} shown` : "";
    });
  });
})();
