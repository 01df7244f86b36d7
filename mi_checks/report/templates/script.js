"use strict";
(() => {
  // Everything is on the page already: this hides what the filter excludes, and writes text only.
  const form = document.getElementById("filter");
  const fields = form ? [...form.querySelectorAll("select,input")] : [];
  const found = document.getElementById("found");
  const notPassed = ["fail", "drift", "error", "inconclusive"];
  const matches = (css, wanted) => !wanted || css === wanted || (wanted === "not-passed" && notPassed.includes(css));
  const outcome = (cell) => (/(?:^| )c-(\S+)/.exec(cell.className) || ["", "none"])[1];
  const byId = (id) => document.getElementById(id);

  const heads = [...document.querySelectorAll(".matrix thead th")].slice(1);
  const rows = [...document.querySelectorAll(".matrix tbody tr")].map((row) => ({
    row,
    marks: row.dataset.marks.split(" "),
    text: `${row.cells[0].textContent} ${row.dataset.text}`.toLowerCase(),
    section: byId(row.dataset.b),
    cells: [...row.cells].slice(1).map((cell) => ({ cell, css: outcome(cell), part: byId(cell.dataset.p) })),
  }));
  const total = rows.reduce((sum, { cells }) => sum + cells.filter(({ cell }) => cell.dataset.p).length, 0);
  const parts = [...document.querySelectorAll("[data-of]")];

  function filter() {
    const want = Object.fromEntries(fields.map((field) => [field.name, field.value]));
    const text = want.text.trim().toLowerCase();
    const shown = new Set();
    const any = heads.map(() => false);
    const filtering = fields.some((field) => field.value);
    for (const each of rows) {
      const row_fits = (!want.mark || each.marks.includes(want.mark)) && each.text.includes(text);
      each.fits = each.cells.map(({ cell, css }, place) => {
        const named = !want.model || heads[place].textContent === want.model;
        return Boolean(cell.dataset.p) && row_fits && named && matches(css, want.verdict);
      });
      each.fits.forEach((fits, place) => {
        any[place] = any[place] || fits;
        if (fits) shown.add(each.cells[place].cell.dataset.p);
      });
    }
    heads.forEach((head, place) => { head.hidden = filtering && !any[place]; });
    for (const { row, section, cells, fits } of rows) {
      cells.forEach(({ cell, part }, place) => {
        cell.hidden = heads[place].hidden;
        cell.classList.toggle("off", filtering && !fits[place]);
        if (part) part.hidden = !fits[place];
      });
      row.hidden = filtering && !fits.includes(true);
      if (section) section.hidden = row.hidden;
    }
    for (const part of parts) {
      const fits = part.dataset.v === undefined || matches(part.dataset.v, want.verdict);
      part.hidden = !(fits && part.dataset.of.split(" ").some((of) => shown.has(of)));
    }
    found.textContent = `${shown.size.toLocaleString("en")} of ${total.toLocaleString("en")} results shown`;
    return want;
  }

  function storeInAddress(want) {
    const chosen = new URLSearchParams(Object.entries(want).filter(([, value]) => value));
    const query = chosen.toString();
    try {
      history.replaceState(null, "", `${location.pathname}${query ? `?${query}` : ""}${location.hash}`);
    } catch { /* the browser refuses this for a file: the filter works, but the address does not record it */ }
  }

  if (form && rows.length) {
    const fromAddress = new URLSearchParams(location.search);
    for (const field of fields) {
      field.value = fromAddress.get(field.name) || "";
      if (field.selectedIndex === -1) field.value = ""; // the address has a value that this page lacks
    }
    form.hidden = false;
    filter();
    form.addEventListener("input", () => storeInAddress(filter()));
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("reset", () => setTimeout(() => storeInAddress(filter())));
  }

  // A heat map is one tab stop: arrow keys move through its cells, and a line of text names the current one.
  for (const table of document.querySelectorAll("table.hm")) {
    const description = document.createElement("output");
    table.closest("figure").append(description);
    const columns = [...table.tHead.rows[0].cells].slice(1).map((cell) => cell.textContent);
    const heads = columns.every((column, i) => column === `H${i}`);
    const name = (cell) => {
      const row = cell.parentNode.cells[0].textContent;
      const column = columns[cell.cellIndex - 1];
      return column.startsWith(`${row}N`) ? column : `${row}${heads ? "" : " "}${column}`;
    };
    const describe = (cell) => { description.textContent = `${name(cell)}: ${cell.textContent === "–" ? "not measured" : cell.textContent}`; };
    const cells = [...table.tBodies[0].rows].map((row) => [...row.cells].slice(1));
    if (!cells.length || !cells[0].length) continue;
    cells.flat().forEach((cell) => { cell.tabIndex = -1; });
    cells[0][0].tabIndex = 0;
    table.parentNode.removeAttribute("tabindex"); // the cells scroll it now
    let current = cells[0][0];
    const enter = (cell) => { current.tabIndex = -1; current = cell; current.tabIndex = 0; describe(cell); };
    table.addEventListener("focusin", (event) => { if (event.target.tagName === "TD") enter(event.target); });
    table.addEventListener("pointerover", (event) => {
      const cell = event.target.closest("tbody td");
      if (cell) describe(cell);
    });
    table.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
      if (!step || event.target.tagName !== "TD") return;
      const row = cells[event.target.parentNode.sectionRowIndex + step[0]];
      const next = row && row[event.target.cellIndex - 1 + step[1]];
      event.preventDefault();
      if (next) next.focus();
    });
  }

  // On paper, everything is opened.
  let opened = [];
  addEventListener("beforeprint", () => {
    opened = [...document.querySelectorAll("details:not([open])")];
    opened.forEach((each) => { each.open = true; });
  });
  addEventListener("afterprint", () => opened.forEach((each) => { each.open = false; }));
})();
