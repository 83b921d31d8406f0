"use strict";
// Helpers for the other scripts: elements, numbers as text, arithmetic, and values computed from a session.
// Text from the service is only set as text. An address becomes a link only if the data says that it may be one.

const DASH = "\u2013";
const ELLIPSIS = "\u2026";
const LANES = 12; // the most names with a lane of their own; nobody can read thousands of lanes
const COLOURS = 8;
const LABEL = 80; // the most characters of a name in a chart; the table has the whole name
const SVG = "http://www.w3.org/2000/svg";

const byId = (id) => document.getElementById(id);

// --- Making elements -------------------------------------------------------------------------------------------------

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}
const html = (tag, attributes = {}, ...children) => fill(document.createElement(tag), attributes, children);
const svg = (tag, attributes = {}, ...children) => fill(document.createElementNS(SVG, tag), attributes, children);

// --- Numbers as text -------------------------------------------------------------------------------------------------

// One format for each number of digits, up to six. They are made once, because making one takes longer than a row.
const formats = Array.from({ length: 7 }, (_, digits) => {
  return new Intl.NumberFormat("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });
});
const grouped = (value, digits) => formats[digits].format(value);
const power = (value, digits) => value.toExponential(digits).replace("+", "");

function decimal(value, digits) {
  if (Math.abs(value) >= 1e9) return power(value, 2);
  if (value !== 0 && Math.abs(value) < 0.5 / 10 ** digits) return power(value, 1);
  return grouped(value, digits);
}
const integer = (value) => grouped(value, 0);
const seconds = (value, digits = 3) => (value === null ? DASH : `${decimal(value, digits)} s`);

function dollars(value) {
  if (value === null) return DASH;
  return value === Infinity ? "too large to add" : `${value < 0 ? "-" : ""}$${decimal(Math.abs(value), 6)}`;
}

const plural = (count, one, many = `${one}s`) => `${integer(count)} ${count === 1 ? one : many}`;
const named = (name) => (name === null ? "(no name)" : name || "(empty name)");

function shortened(text) {
  const start = Array.from(text.slice(0, 2 * LABEL)); // by code point, so that a surrogate pair is not cut in two
  return start.length > LABEL ? start.slice(0, LABEL).join("") + ELLIPSIS : text;
}

function tickLabel(value) {
  if (value >= 1e6) return `${Number(value.toPrecision(3)).toExponential().replace("+", "")} s`;
  const [number, unit] = value > 0 && value < 1 ? [value * 1000, "ms"] : [value, "s"];
  return `${Number(number.toPrecision(6)).toLocaleString("en-US", { maximumFractionDigits: 6 })} ${unit}`;
}

const day = (time) => new Date(time).toISOString().replace(/T.*/, "");
const clock = (time) => new Date(time).toISOString().replace(/^.*T|Z$/g, "");

// The day is shown only if the session's traces started on different days.
function startOf(session, row) {
  const time = session.begin + session.start[row];
  return session.days ? `${day(time)} ${clock(time)}` : clock(time);
}

// --- Arithmetic ------------------------------------------------------------------------------------------------------

// Shewchuk's exact sum, as in Python's math.fsum: it keeps what each addition loses, so the order does not matter.
function sum(values) {
  const partials = [];
  for (let value of values) {
    let kept = 0;
    for (let other of partials) {
      if (Math.abs(value) < Math.abs(other)) [value, other] = [other, value];
      const both = value + other;
      const lost = other - (both - value);
      if (lost) partials[kept++] = lost;
      value = both;
    }
    partials.length = kept;
    partials.push(value);
  }
  const total = partials.reduceRight((some, partial) => some + partial, 0);
  return Number.isFinite(total) ? total : Infinity;
}

const known = (values) => values.filter((value) => value !== null);
const quantile = (sorted, p) => (sorted.length ? sorted[Math.max(Math.ceil(p * sorted.length) - 1, 0)] : null);
const ascending = (values) => Float64Array.from(values).sort();
const greatest = (values, least) => values.reduce((most, value) => Math.max(most, value), least);
const slowestRow = (session) =>
  session.order.reduce((best, row) =>
    (session.latency[row] ?? -Infinity) > (session.latency[best] ?? -Infinity) ? row : best,
  );

// Without a known cost, the total is unknown, not zero.
function costOf(costs) {
  const some = known(costs);
  return some.length ? sum(some) : null;
}

function niceStep(span, count) {
  const rough = span / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  return power * [1, 2, 5, 10].find((step) => step * power >= rough * 0.999);
}

// --- A session, prepared ---------------------------------------------------------------------------------------------

// The groups of traces with the same name, in the order of their first traces. If there are more than LANES names, the
// rarest share one group.
function groupsOf(session) {
  const rows = session.names.map(() => []);
  session.order.forEach((row) => rows[session.name[row]].push(row));
  const all = session.names.map((name, index) => ({
    label: shortened(named(name)),
    title: named(name),
    rows: rows[index],
  }));
  const frequent = [...all]
    .sort((a, b) => b.rows.length - a.rows.length)
    .slice(0, all.length > LANES ? LANES - 1 : LANES);
  const own = new Set(frequent);
  const others = all.filter((group) => !own.has(group));
  const groups = all.filter((group) => own.has(group));
  if (others.length) {
    const label = `${integer(others.length)} other names`;
    groups.push({ label, title: label, rows: others.flatMap((group) => group.rows) });
  }
  groups.sort((a, b) => session.start[a.rows[0]] - session.start[b.rows[0]]);
  groups.forEach((group, index) => {
    group.colour = `c${index % COLOURS}`;
    group.latencies = ascending(known(group.rows.map((row) => session.latency[row])));
    group.cost = costOf(group.rows.map((row) => session.cost[row]));
  });
  return groups;
}

function prepare(session) {
  if (session.groups) return;
  session.days = day(session.begin) !== day(session.begin + greatest(session.start, 0));
  // In milliseconds. A latency too large for a number in milliseconds is cut to nearly the largest number.
  session.ends = session.start.map(
    (start, row) => start + Math.min(Math.max(1000 * (session.latency[row] ?? 0), 0), 1.7e308),
  );
  session.order = session.start.map((_, row) => row).sort((a, b) => session.start[a] - session.start[b]);
  session.groups = groupsOf(session);
  session.lowerNames = session.names.map((name) => named(name).toLowerCase());
  session.lowerTraces = session.trace.map((trace) => trace.toLowerCase());
}
