"use strict";
// The charts, drawn for the current width. All traces of a name are one path, because twenty thousand elements would
// take seconds to draw.

// --- The time line ---------------------------------------------------------------------------------------------------

const EDGE = 8;
const LANE = 40;
const BAR = 16;
const TOP = 20;
const DOTS = 200; // the most dots for one name; for more traces, a shape shows how many there are

// If one trace reports a latency of years, the others must not shrink to a line: its bar is cut at the axis' end.
function extentOf(session) {
  const latencies = ascending(known(session.latency));
  const span = greatest(session.start, 0);
  const longest = Math.max(10000 * (quantile(latencies, 0.5) ?? 0), 2 * span);
  const within = session.ends.filter((end, row) => end - session.start[row] <= longest);
  return Math.max(greatest(within, span), 1);
}

// The longest stretches in which no trace ran.
function pausesOf(session) {
  const pauses = [];
  let until = 0;
  for (const row of session.order) {
    if (session.start[row] > until) pauses.push([until, session.start[row]]);
    until = Math.max(until, session.ends[row]);
  }
  return pauses.sort((a, b) => b[1] - b[0] - (a[1] - a[0])).slice(0, 3);
}

// Draw the time line, and return a function that marks a trace in it.
function drawTimeline(session, pick) {
  const box = byId("timeline");
  const width = Math.max(box.clientWidth, 280);
  const extent = extentOf(session);
  const scale = (width - 2 * EDGE) / extent;
  const x = (time) => Number((EDGE + Math.min(time, extent) * scale).toFixed(2));
  const bottom = TOP + session.groups.length * LANE;
  const title = `Time line of ${plural(session.trace.length, "trace")}. The table below has the same data as text.`;
  const chart = svg("svg", { viewBox: `0 0 ${width} ${bottom + 24}`, role: "img", "aria-label": title });
  for (const [from, to] of pausesOf(session)) chart.append(...drawPause(x(from), x(to), bottom, to - from));
  chart.append(...drawTimeAxis(extent, x, width, bottom));
  session.groups.forEach((group, lane) => chart.append(...drawLane(session, group, TOP + lane * LANE, x)));
  const picked = svg("path", { class: "picked" });
  chart.append(picked);
  chart.addEventListener("pointermove", (event) => pick(rowAt(session, event, chart, width, scale)));
  box.replaceChildren(chart);
  const cut = session.ends.filter((end) => end > extent).length;
  byId("timeline-note").textContent = cut ? `${plural(cut, "bar goes", "bars go")} on beyond the axis.` : "";
  return (row) => picked.setAttribute("d", outline(session, row, x));
}

function outline(session, row, x) {
  const top = TOP + session.groups.findIndex((group) => group.rows.includes(row)) * LANE;
  const left = x(session.start[row]);
  return `M${left - 2} ${top + 17}H${Math.max(x(session.ends[row]), left + 1.5) + 2}v${BAR + 6}H${left - 2}z`;
}

function drawPause(left, right, bottom, length) {
  if (right - left < 2) return [];
  const parts = [svg("rect", { class: "pause", x: left, y: 0, width: right - left, height: bottom })];
  if (right - left > 60)
    parts.push(
      svg("text", { x: (left + right) / 2, y: 13, "text-anchor": "middle" }, `pause ${seconds(length / 1000, 1)}`),
    );
  return parts;
}

function drawTimeAxis(extent, x, width, bottom) {
  const step = niceStep(extent / 1000, Math.max(width / 110, 2));
  const parts = [];
  for (let n = 0; n * step * 1000 <= extent; n += 1) {
    const at = x(n * step * 1000);
    parts.push(svg("path", { class: "grid", d: `M${at} ${TOP}V${bottom + 4}` }));
    if (n === 0 || at < width - 30)
      parts.push(
        svg("text", { x: n ? at : 0, y: bottom + 18, "text-anchor": n ? "middle" : "start" }, tickLabel(n * step)),
      );
  }
  return parts;
}

function drawLane(session, group, top, x) {
  const bars = [];
  const ticks = [];
  let last = -1; // the right end of the drawn bars; a bar that they cover already is not drawn
  for (const row of group.rows) {
    const left = x(session.start[row]);
    const latency = session.latency[row];
    if (latency === null || latency < 0) ticks.push(`M${left} ${top + 18}v${BAR + 4}`);
    else {
      const right = Math.max(x(session.ends[row]), left + 1.5);
      if (right > last + 0.1) bars.push(`M${left} ${top + 20}H${right.toFixed(2)}v${BAR}H${left}z`);
      last = Math.max(last, right);
    }
  }
  // Edges distinguish several overlapping bars from one long bar. Among thousands of bars, edges would hide them.
  const edged = group.rows.length <= DOTS ? "edged" : "";
  return [
    svg("text", { class: "lane", x: EDGE, y: top + 14 }, group.label),
    svg("path", { class: `bars ${edged} ${group.colour}`, d: bars.join("") }),
    svg("path", { class: `ticks ${group.colour}`, d: ticks.join("") }),
  ];
}

// Return the trace under the pointer, or the nearest in its lane. Of several at that time, the last started is taken.
function rowAt({ groups, start, ends }, event, chart, width, scale) {
  const frame = chart.getBoundingClientRect();
  const zoom = width / frame.width;
  const time = ((event.clientX - frame.left) * zoom - EDGE) / scale;
  const lane = Math.floor(((event.clientY - frame.top) * zoom - TOP) / LANE);
  let best = null;
  let least = Infinity;
  for (const row of groups[Math.min(Math.max(lane, 0), groups.length - 1)].rows) {
    const distance = Math.max(start[row] - time, time - ends[row], 0);
    if (distance <= least) [best, least] = [row, distance];
  }
  return best;
}

// --- Latency and cost by name ----------------------------------------------------------------------------------------

const swatch = (group) =>
  svg(
    "svg",
    { class: `swatch ${group.colour}`, viewBox: "0 0 10 10", "aria-hidden": "true" },
    svg("rect", { width: 10, height: 10 }),
  );
const nameCell = (group) => html("th", { scope: "row", title: shortened(group.title) }, swatch(group), group.label);
const cell = (text, kind = "number") => html("td", { class: kind }, text);
const heads = (...columns) =>
  html("thead", {}, html("tr", {}, ...columns.map(([text, kind]) => html("th", { scope: "col", class: kind }, text))));

// The ticks, as exponents of ten. Exponents are used because a tick below the smallest number would itself be zero.
function powersBetween(low, high, room) {
  const every = Math.max(Math.ceil((high - low) / room), 1);
  return Array.from({ length: Math.floor((high - low) / every) + 1 }, (_, index) => low + index * every);
}

function drawLatency({ groups }) {
  const table = byId("latency");
  const powers = groups.flatMap((group) =>
    Array.from(
      group.latencies.filter((value) => value > 0),
      Math.log10,
    ),
  );
  const low = Math.floor(powers.reduce((least, value) => Math.min(least, value), Infinity));
  const high = Math.max(Math.ceil(greatest(powers, -Infinity)), low + 1);
  const head = heads(
    ["Name", ""],
    ["Each trace", "chart"],
    ["p50", "number wide"],
    ["p95", "number"],
    ["max", "number wide"],
  );
  table.replaceChildren(head, html("tbody", {}, ...groups.map(latencyRow)));
  const omitted = groups.reduce((count, group) => count + group.latencies.filter((value) => value <= 0).length, 0);
  const which = plural(omitted, "trace has", "traces have");
  byId("latency-notes").textContent = omitted
    ? `${which} a latency of 0 or less, which a logarithmic axis cannot show.`
    : "";
  if (!powers.length) return;
  const place = head.querySelector(".chart");
  const width = Math.max(place.clientWidth, 60);
  const x = (power) => Number((EDGE + ((power - low) / (high - low)) * (width - 2 * EDGE - 16)).toFixed(1));
  const ticks = powersBetween(low, high, Math.max(Math.floor(width / 75), 1));
  place.replaceChildren(logAxis(ticks, x, width));
  table.querySelectorAll("tbody .chart").forEach((place, index) => place.append(strip(groups[index], ticks, x, width)));
}

function latencyRow(group) {
  const [p50, p95, max] = [0.5, 0.95, 1].map((p) => quantile(group.latencies, p));
  return html(
    "tr",
    {},
    nameCell(group),
    cell("", "chart"),
    cell(seconds(p50), "number wide"),
    cell(seconds(p95)),
    cell(seconds(max), "number wide"),
  );
}

const powerLabel = (power) => (Math.abs(power) < 6 ? tickLabel(10 ** power) : `1e${power} s`);

function logAxis(ticks, x, width) {
  const labels = ticks.map((power, index) =>
    svg("text", { x: index ? x(power) : 0, y: 13, "text-anchor": index ? "middle" : "start" }, powerLabel(power)),
  );
  return svg(
    "svg",
    { viewBox: `0 0 ${width} 18`, role: "img", "aria-label": "Each trace, on a logarithmic axis" },
    ...labels,
  );
}

// Dots are spread over the height, so that equal values do not hide each other. The spread is always the same.
const dots = (places) => places.map((place, index) => `M${place} ${(6 + ((index * 0.618) % 1) * 16).toFixed(1)}h0`);

// Thousands of dots would be a smudge. Instead, draw a shape that is higher where there are more traces.
function shape(places) {
  const counts = new Map();
  for (const place of places) counts.set(Math.round(place / 3), (counts.get(Math.round(place / 3)) ?? 0) + 1);
  const most = greatest([...counts.values()], 1);
  return [...counts]
    .map(([at, count]) => [at * 3 - 1.5, Math.max((12 * count) / most, 0.5)])
    .map(([left, half]) => `M${left} ${(14 - half).toFixed(2)}h3V${(14 + half).toFixed(2)}h-3z`);
}

function strip(group, ticks, x, width) {
  const [p50, p95] = [quantile(group.latencies, 0.5), quantile(group.latencies, 0.95)];
  const title = `${plural(group.latencies.length, "latency", "latencies")}: p50 ${seconds(p50)}, p95 ${seconds(p95)}`;
  const places = Array.from(
    group.latencies.filter((value) => value > 0),
    (value) => x(Math.log10(value)),
  );
  const mark = (value, kind) =>
    value > 0 ? [svg("path", { class: `mark ${kind}`, d: `M${x(Math.log10(value))} 1V27` })] : [];
  return svg(
    "svg",
    { viewBox: `0 0 ${width} 28`, role: "img", "aria-label": title },
    svg("path", { class: "grid", d: ticks.map((power) => `M${x(power)} 0V28`).join("") }),
    places.length > DOTS
      ? svg("path", { class: `bars ${group.colour}`, d: shape(places).join("") })
      : svg("path", { class: `dots ${group.colour}`, d: dots(places).join("") }),
    ...mark(p50, "p50"),
    ...mark(p95, "p95"),
  );
}

function drawCost(session) {
  const groups = [...session.groups].sort((a, b) => (b.cost ?? -Infinity) - (a.cost ?? -Infinity) || 0);
  const total = costOf(session.cost);
  const most = greatest(known(groups.map((group) => group.cost)), 0);
  const rows = groups.map((group) => {
    const part = most > 0 && group.cost > 0 ? 100 * Math.min(group.cost / most, 1) || 0 : 0;
    const share =
      total > 0 && Number.isFinite(total) && group.cost !== null ? `${grouped((100 * group.cost) / total, 1)} %` : DASH;
    const bar = svg(
      "svg",
      { viewBox: "0 0 100 14", preserveAspectRatio: "none", height: 14, "aria-hidden": "true" },
      svg("rect", { class: `bars ${group.colour}`, width: part, height: 14 }),
    );
    return html(
      "tr",
      {},
      nameCell(group),
      html("td", { class: "chart bar" }, bar),
      cell(integer(group.rows.length), "number few wide"),
      cell(dollars(group.cost)),
      cell(share, "number few"),
    );
  });
  byId("cost").replaceChildren(
    heads(
      ["Name", ""],
      ["Compared", "chart"],
      ["traces", "number few wide"],
      ["cost", "number"],
      ["share", "number few"],
    ),
    html("tbody", {}, ...rows),
  );
}
