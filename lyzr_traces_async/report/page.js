"use strict";
// The page: it shows one session at a time, and reacts to what the reader does.

const ROWS = 100; // the rows of the table on one page; more would take long to lay out
const PRINTED_ROWS = 1000;

const sessions = JSON.parse(byId("data").textContent).sessions;
const view = { session: null, rows: [], page: 0, key: "latency", down: true, picked: null, mark: null };

// --- The page's head -------------------------------------------------------------------------------------------------

const without = (values, what) => {
  const missing = values.length - known(values).length;
  return missing ? `${integer(missing)} without a ${what}` : "";
};

function drawTotals() {
  const read = sessions.filter((session) => session.error === null);
  const costs = read.flatMap((session) => session.cost);
  const parts = [plural(read.length, "session"), plural(costs.length, "trace")];
  const missing = without(costs, "cost");
  if (costs.length) parts.push(`${dollars(costOf(costs))}${missing && ` (${missing})`}`);
  byId("totals").textContent = sessions.length ? parts.join(" \u00b7 ") : "There are no sessions in this report.";
}

function drawFailures() {
  const failed = sessions.filter((session) => session.error !== null);
  byId("failures").hidden = failed.length === 0;
  byId("failures-title").textContent = `${plural(failed.length, "session")} could not be read`;
  byId("failures-list").append(
    ...failed.flatMap((session) => [html("dt", {}, html("code", {}, session.id)), html("dd", {}, session.error)]),
  );
}

// --- The choice of a session -----------------------------------------------------------------------------------------

const choices = sessions.filter((session) => session.error === null);
for (const session of choices) session.slowest = greatest(known(session.latency), -Infinity);
choices.sort((a, b) => (a.slowest === b.slowest ? 0 : b.slowest - a.slowest));

function optionText({ id, trace, slowest }) {
  const text = `${id} ${DASH} ${plural(trace.length, "trace")}`;
  return slowest > -Infinity ? `${text}, slowest ${seconds(slowest)}` : text;
}

function drawChoices() {
  const query = byId("session-filter").value.trim().toLowerCase();
  const select = byId("session-select");
  const options = choices
    .map((session, index) => new Option(optionText(session), index, false, session === view.session))
    .filter((_, index) => choices[index].id.toLowerCase().includes(query));
  const count = options.length;
  if (!options.some((option) => option.selected))
    options.unshift(new Option(count ? "Choose a session" : "No session matches", "", false, true));
  select.replaceChildren(...options);
  byId("session-count").textContent = query ? `${integer(count)} of ${plural(choices.length, "session")}` : "";
}

function show(session) {
  prepare(session);
  view.session = session;
  view.rows = [];
  byId("session").hidden = false;
  byId("session-title").replaceChildren("Session ", html("code", {}, session.id));
  drawFigures(session);
  for (const card of document.querySelectorAll("#session .card")) card.hidden = session.trace.length === 0;
  if (session.trace.length === 0) return;
  view.picked = slowestRow(session);
  drawCharts();
  drawCost(session);
  search();
}

function drawCharts() {
  view.mark = drawTimeline(view.session, pick);
  drawLatency(view.session);
  pick(view.picked);
}

function pick(row) {
  const { session } = view;
  view.picked = row;
  view.mark(row);
  const facts = [
    shortened(named(session.names[session.name[row]])),
    seconds(session.latency[row]),
    dollars(session.cost[row]),
    `started ${startOf(session, row)}, ${seconds(session.start[row] / 1000)} after the first`,
  ];
  byId("detail").replaceChildren(
    `${facts.join(" \u00b7 ")} \u00b7 `,
    html("span", { class: "id" }, session.trace[row]),
  );
}

function step(by) {
  const { order } = view.session;
  pick(order[Math.min(Math.max(order.indexOf(view.picked) + by, 0), order.length - 1)]);
}

function drawFigures(session) {
  const figure = (value, what) => html("li", {}, html("b", {}, value), html("span", {}, what));
  const latencies = ascending(known(session.latency));
  const ends = session.start.map((start, row) => start / 1000 + Math.max(session.latency[row] ?? 0, 0));
  byId("figures").replaceChildren(
    figure(integer(session.trace.length), session.trace.length === 1 ? "trace" : "traces"),
    figure(session.trace.length ? seconds(greatest(ends, 0), 1) : DASH, "from first start to last end"),
    figure(dollars(costOf(session.cost)), ["cost", without(session.cost, "cost")].filter(Boolean).join(", ")),
    figure(
      seconds(quantile(latencies, 0.5)),
      ["p50 latency", without(session.latency, "latency")].filter(Boolean).join(", "),
    ),
    figure(seconds(quantile(latencies, 0.95)), "p95 latency"),
    figure(seconds(quantile(latencies, 1)), "slowest trace"),
  );
  const began = `Began ${day(session.begin)} at ${clock(session.begin)} UTC.`;
  byId("session-notes").textContent = session.trace.length ? began : "This session has no traces.";
}

// --- The table -------------------------------------------------------------------------------------------------------

const COLUMNS = [
  ["trace", "Trace id", ""],
  ["start", "Start", "number"],
  ["name", "Name", ""],
  ["latency", "Latency", "number"],
  ["cost", "Cost", "number"],
  ["observations", "Observations", "number"],
  ["path", "Link", ""],
];

const pathText = (session, row) => {
  const [before, after] = session.paths[session.path[row]] ?? [""];
  return after === null || after === undefined ? before : before + session.trace[row] + after;
};

// Return the values that a column is sorted by. Null sorts last in both directions.
function sortKeys(session, key) {
  if (key === "name")
    return session.name.map((index) => (session.names[index] === null ? null : session.lowerNames[index]));
  if (key === "path") return session.path.map((_, row) => pathText(session, row) || null);
  return session[key];
}

function sortRows() {
  const keys = sortKeys(view.session, view.key);
  const sign = view.down ? -1 : 1;
  view.rows.sort((a, b) => {
    if (keys[a] === keys[b]) return a - b;
    if (keys[a] === null || keys[b] === null) return keys[a] === null ? 1 : -1;
    return keys[a] < keys[b] ? -sign : sign;
  });
}

function search() {
  const { session } = view;
  const query = byId("search").value.trim().toLowerCase();
  const names = session.lowerNames.map((name) => name.includes(query));
  view.rows = session.order.filter((row) => names[session.name[row]] || session.lowerTraces[row].includes(query));
  const all = plural(session.trace.length, "trace");
  byId("count").textContent = query ? `${integer(view.rows.length)} of ${all}` : all;
  sortRows();
  turnTo(0);
}

function sortBy(key) {
  // Numbers sort from the largest at first, words from A.
  const down = key === "latency" || key === "cost" || key === "observations";
  view.down = view.key === key ? !view.down : down;
  view.key = key;
  sortRows();
  turnTo(0);
  drawHead();
}

function drawHead() {
  byId("table")
    .tHead?.querySelectorAll("th")
    .forEach((head, index) => {
      head.setAttribute("aria-sort", COLUMNS[index][0] !== view.key ? "none" : view.down ? "descending" : "ascending");
    });
}

function buildTable() {
  const columns = COLUMNS.map(([key, text, kind]) => {
    const button = html("button", { type: "button" }, text);
    button.addEventListener("click", () => sortBy(key));
    return html("th", { scope: "col", class: kind }, button);
  });
  byId("table").append(html("thead", {}, html("tr", {}, ...columns)), html("tbody"));
  drawHead();
}

function linkCell(session, row) {
  const text = pathText(session, row);
  if (!text) return cell(DASH, "");
  if (!session.paths[session.path[row]][2]) return html("td", {}, html("span", { class: "clip id" }, text));
  const about = `Open trace ${session.trace[row]} on the dashboard`;
  return html(
    "td",
    {},
    html("a", { href: text, target: "_blank", rel: "noopener noreferrer", "aria-label": about }, "Open"),
  );
}

function rowOf(row) {
  const { session } = view;
  const name = session.names[session.name[row]];
  return html(
    "tr",
    {},
    html("th", { scope: "row", class: "id" }, html("span", { class: "clip" }, session.trace[row])),
    cell(startOf(session, row)),
    html("td", {}, html("span", { class: "clip" }, name === null ? DASH : named(name))),
    cell(seconds(session.latency[row])),
    cell(dollars(session.cost[row])),
    cell(integer(session.observations[row])),
    linkCell(session, row),
  );
}

const drawRows = (from, to) => byId("table").tBodies[0].replaceChildren(...view.rows.slice(from, to).map(rowOf));

function turnTo(page) {
  const last = Math.max(Math.ceil(view.rows.length / ROWS) - 1, 0);
  view.page = Math.min(Math.max(page, 0), last);
  const from = view.page * ROWS;
  const to = Math.min(from + ROWS, view.rows.length);
  drawRows(from, to);
  byId("pager").hidden = last === 0;
  byId("page-number").textContent = `${integer(from + 1)}${DASH}${integer(to)} of ${integer(view.rows.length)}`;
  byId("previous-page").disabled = view.page === 0;
  byId("next-page").disabled = view.page === last;
}

// --- What the reader does --------------------------------------------------------------------------------------------

function listen() {
  byId("search").addEventListener("input", search);
  byId("session-filter").addEventListener("input", drawChoices);
  byId("session-select").addEventListener("change", (event) => event.target.value && show(choices[event.target.value]));
  byId("previous-trace").addEventListener("click", () => step(-1));
  byId("next-trace").addEventListener("click", () => step(1));
  byId("slowest-trace").addEventListener("click", () => pick(slowestRow(view.session)));
  byId("previous-page").addEventListener("click", () => turnTo(view.page - 1));
  byId("next-page").addEventListener("click", () => turnTo(view.page + 1));
  // A printed page cannot be turned, so more rows are printed than a page shows.
  window.addEventListener("beforeprint", () => {
    drawRows(0, PRINTED_ROWS);
    const all = view.rows.length;
    byId("print-note").textContent =
      all > PRINTED_ROWS ? `The first ${integer(PRINTED_ROWS)} of ${plural(all, "trace")}.` : "";
  });
  window.addEventListener("afterprint", () => {
    byId("print-note").textContent = "";
    turnTo(view.page);
  });
  let width = byId("timeline").clientWidth;
  new ResizeObserver(() => {
    const now = byId("timeline").clientWidth;
    if (now === 0 || Math.abs(now - width) < 2) return; // the width is 0 if a session without traces hides the charts
    width = now;
    drawCharts();
  }).observe(byId("timeline"));
}

drawTotals();
drawFailures();
if (choices.length) {
  byId("choice").hidden = choices.length === 1;
  byId("session-filter-label").hidden = choices.length < 10;
  buildTable();
  show(choices[0]);
  drawChoices();
  listen();
}
// Measure the time until the page is drawn, for the browser's developer tools.
requestAnimationFrame(() => setTimeout(() => performance.measure("drawn", { start: 0 })));
