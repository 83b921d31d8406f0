"""The results as Markdown: for the terminal and for ``results.md``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from .peers import OURS
from .results import Results, ratio
from .tables import COMPARED, quantity, rows_of, section, table, time_cells, times

# The quota of the real service allows 100 requests a minute, and a request returns up to 100 traces.
QUOTA_TRACES_A_SECOND: Final = 10_000 / 60

READING: Final = """\
How to read the tables:

- A figure is that of the best round. "Median over best" says how far the median round lies above the best round.
- "vs this library" and "vs aiohttp by hand" divide the figure by the figure of that peer.
- "Extra requests" are the requests beyond the least number that returns all pages. The cell is empty if a session is
  lost.
- A session is lost if its walk ends with an error, or with another number of traces than the session has.
"""

LIMITS: Final = """\
## What these figures do not show

- The server runs on the same machine: there is no network, no TLS and no compression. With these, the differences in
  CPU matter less. The differences in latency and in the use of the quota remain.
- The server's pages are made up, and the names in them are short. Every page is full, except that the last page of a
  session is one trace short. The only missing values are costs and latencies. The list does not change while it is
  read. Requests fail only because of the quota, and in the brown-out.
- This library asks for up to eight pages of a session at once. The other peers ask for one page after the other. With
  several pages at once, client and server do more work in one turn of their event loops. This is a part of the CPU
  time that this library saves.
- The best round shows how fast the code can be. A median far above it means that a usual run is slower.
- CPU time is that of the client's process. Memory was measured for this library only.
- The peers do not do the same work. The aiohttp loop checks nothing. openai-python does not check types either.
  langfuse gets the same data in another shape, with more fields.
- Every peer has its own defaults for retries, time-outs and connections. Most peers can be configured to wait longer
  for a quota. The tables show the defaults.
- The other peers start all sessions of a scenario at once, with `asyncio.gather`. This library gets all sessions too,
  and reads eight at a time by default. How many sessions the others lose depends on their speed: a slower client, or a
  client on a busy machine, meets the quota later. A client that reads all sessions at once finishes the short ones
  early.
- Windows of a few seconds stand for the minute of the real quota, and the bad minute is shortened in the same way. The
  back-offs are not shortened, so they take a larger share of the time here. In the brown-out all peers run at the same
  time.
- The peers have no bulk functions, so this library is compared with the quota there. All pages are full there.
  Sessions of only a few traces return fewer traces with each request, from the real service as from this server.
"""


def report(results: Results) -> str:
    """Return the whole report: the run, all tables, and what the figures do not show."""
    sections = {
        "decode": _decode,
        "walk": _walk,
        "latency": _latency,
        "herd": _herd,
        "neighbours": _neighbours,
        "brownout": _brownout,
        "fairness": _fairness,
    }
    tables = [section(results, case) for name, section in sections.items() for case in results.cases(name)]
    top = [_head(results), READING, f"## Overview\n\n{overview(results)}"]
    return "\n".join([*top, *tables, *_bulk(results), _import(results), _memory(results), LIMITS])


def overview(results: Results) -> str:
    """Return the table that the README shows: one row for each peer, one column for each of four scenarios.

    A scenario with several cases is shown by its last case, which is the largest one.
    """
    latency = f"{results.settings['latency'] * 1e3:.0f} ms"
    columns = [
        (scenario, cases[-1], metric, title.format(case=cases[-1], latency=latency), scale)
        for scenario, metric, title, scale in (
            ("decode", "time", "decode: µs a page", 1e6),
            ("walk", "cpu", "walk: CPU µs a page", 1e6),
            ("latency", "wall", "{case} of {latency}: s", 1.0),
            ("herd", "lost", "lost of {case}", 1.0),
        )
        if (cases := results.cases(scenario))
    ]

    def cell(peer: str, scenario: str, case: str, metric: str, scale: float) -> str:
        found = results.find(scenario, case, peer, metric)
        return quantity(found.best * scale) if found else "failed"

    rows = [
        [peer.title, *(cell(peer.name, scenario, case, metric, scale) for scenario, case, metric, _, scale in columns)]
        for peer in results.peers
        if not peer.missing
    ]
    return table(("", *(title for _, _, _, title, _ in columns)), rows)


def _head(results: Results) -> str:
    machine, settings = results.machine, results.settings
    versions = {name: version for peer in results.peers for name, version in peer.packages.items()}
    lines = ["# Benchmark results", ""]
    if settings["quick"]:
        lines += ["**A quick run: it shows that the benchmarks work. Do not use its figures.**", ""]
    lines += [
        "These are all figures of one run of `python -m benchmarks`. The command makes this text and the picture from",
        "`results.json`; `--render FOLDER` makes them from an existing `results.json` without measuring again.",
        "",
        f"- Date: {machine['date']}",
        f"- Machine: {machine['cpu']}, {machine['cores']} cores, {machine['system']}",
        f"- Versions: {machine['python']}, " + ", ".join(f"{name} {version}" for name, version in versions.items()),
        f"- Seed of the made-up sessions: {settings['seed']}",
        "- Processes: one for each peer, and one server for all peers, on the same machine",
        "",
        "The peers:",
        "",
        *(f"- {peer.title}: {peer.about}" for peer in results.peers),
    ]
    missing = [f"- {peer.title}: {peer.missing}" for peer in results.peers if peer.missing]
    if missing:
        lines += ["", "Not measured:", "", *missing]
    return "\n".join(lines) + "\n"


def _decode(results: Results, case: str) -> str:
    rows = rows_of(results, "decode", case, time_cells(results, "decode", case, "time", 1e6))
    text = f"Each peer turns the bytes of one page of {case} into its values."
    return section("Decode", text, table(("", "µs a page", *COMPARED), rows))


def _walk(results: Results, case: str) -> str:
    timed = time_cells(results, "walk", case, "cpu", 1e6)

    def cells(peer: str) -> list[str]:
        busy = results.find("walk", case, peer, "server_busy")
        served = results.find("walk", case, peer, "server_cpu")
        return [*timed(peer), quantity(served.median * 1e6) if served else "", f"{busy.median:.0%}" if busy else ""]

    text = (
        f"Each peer reads {case} of one session, end to end. The first figure is the CPU time of the client's process."
        "\nThe last two columns are medians: the server's CPU time for a page, and the share of the time it was busy."
    )
    columns = ("", "CPU µs a page", *COMPARED, "server µs", "server busy")
    return section("Walk", text, table(columns, rows_of(results, "walk", case, cells)))


def _latency(results: Results, case: str) -> str:
    rows = rows_of(results, "latency", case, time_cells(results, "latency", case, "wall", 1))
    each = results.settings["latency"] * 1e3
    text = f"Each peer reads {case} of one session. The server waits {each:.0f} ms before each answer."
    return section(f"Latency, {case}", text, table(("", "s", *COMPARED), rows))


def _best(results: Results, scenario: str, case: str, peer: str) -> dict[str, float]:
    """Return the figures of a peer by their metrics; no figures if the peer was not measured."""
    found = [one for one in results.measurements if (one.scenario, one.case, one.peer) == (scenario, case, peer)]
    return {one.metric: one.best for one in found if one.values}


def _over(best: Mapping[str, float], metric: str, least: str, digits: int) -> str:
    """Return how far a figure lies above the least one; an empty text if sessions were lost."""
    return "" if best["lost"] else f"{best[metric] - best[least]:+.{digits}f}"


def _quota(results: Results) -> str:
    return f"The quota allows {results.settings['quota']} requests in {results.settings['window']:g} s."


FLOOR: Final = "The floor is the time until the last window that is needed opens."


def _herd(results: Results, case: str) -> str:
    def cells(peer: str) -> list[str]:
        best = _best(results, "herd", case, peer)
        if not best:
            return [""] * 5
        counts = (f"{best[metric]:.0f}" for metric in ("lost", "refused", "requests"))
        return [*counts, f"{best['wall']:.1f}", _over(best, "wall", "floor", 1)]

    text = (
        f"Each peer reads {case} of {results.settings['herd_pages']} pages at once, with its default retries.\n"
        f"{_quota(results)} {FLOOR}"
    )
    columns = ("", "sessions lost", "answers 429", "requests", "s", "s over the floor")
    return section(f"Herd, {case}", text, table(columns, rows_of(results, "herd", case, cells)))


def _neighbours(results: Results, case: str) -> str:
    def cells(peer: str) -> list[str]:
        best = _best(results, "neighbours", case, peer)
        if not best:
            return [""] * 5
        extra = _over(best, "requests", "least", 0)
        counts = (f"{best[metric]:.0f}" for metric in ("lost", "refused"))
        return [*counts, extra, f"{best['wall']:.1f}", _over(best, "wall", "floor", 1)]

    settings = results.settings
    sessions = settings["neighbours"] * settings["neighbour_sessions"]
    text = (
        f"{case} of the same peer share one address and its quota. Together they read {sessions} sessions of "
        f"{settings['neighbour_pages']} pages.\n{_quota(results)} {FLOOR}\n"
        f"This library's `max_rate_limit_wait` is {settings['patience']:g} s, which is two windows. The default is two "
        "windows of the real service."
    )
    columns = ("", "sessions lost", "answers 429", "extra requests", "s", "s over the floor")
    return section(f"Neighbours, {case}", text, table(columns, rows_of(results, "neighbours", case, cells)))


def _brownout(results: Results, case: str) -> str:
    def cells(peer: str) -> list[str]:
        best = _best(results, "brownout", case, peer)
        if not best:
            return [""] * 5
        extra = _over(best | {"requests": best["requests"] - best["failed"]}, "requests", "least", 0)
        lost = "lost" if best["lost"] else "read"
        return [lost, f"{best['requests']:.0f}", f"{best['failed']:.0f}", extra, f"{best['wall']:.1f}"]

    settings = results.settings
    trouble = {
        "one bad minute": f"In the middle of the session, all requests time out for {settings['brownout']:g} s.",
        "one heavy trace": f"A page with the heavy trace and more than {settings['heavy_fits']} traces times out.",
    }
    text = (
        f"Each peer reads a session of {settings['brownout_pages']} pages, which takes at least "
        f"{settings['brownout_pages']} requests. {trouble.get(case, '')}\n"
        f"The server answers such a request with 502 after {settings['brownout_wait']:g} s. "
        "Requests that timed out are not counted as extra requests."
    )
    columns = ("", "session", "requests", "timed out", "extra requests", "s")
    return section(f"Brown-out, {case}", text, table(columns, rows_of(results, "brownout", case, cells)))


def _fairness(results: Results, case: str) -> str:
    def cells(peer: str) -> list[str]:
        best = _best(results, "fairness", case, peer)
        if not best:
            return [""] * 5
        ended = "" if best["lost"] else f"{best['last_short']:.0%}"
        extra = _over(best, "requests", "least", 0)
        return [f"{best['lost']:.0f}", ended, f"{best['by_turns']:.0%}", extra, f"{best['wall']:.1f}"]

    settings = results.settings
    text = (
        f"Each peer gets {settings['fair_long']} sessions of {settings['fair_pages']} pages, followed by "
        f"{settings['fair_short']} sessions of one page, all at once.\n"
        '"Last short session" is the share of all requests that the server had answered when the last short session '
        'ended.\n"If sessions take turns" is this share for a client that reads one page of each open session in turn. '
        "This library has\neight sessions open at a time, the others have all."
    )
    columns = ("", "sessions lost", "last short session", "if sessions take turns", "extra requests", "s")
    return section("Fairness", text, table(columns, rows_of(results, "fairness", case, cells)))


def _bulk(results: Results) -> list[str]:
    """Return the section with all cases; no section if the run has no such cases."""
    rows = []
    for case in results.cases("bulk"):
        found, busy = (results.find("bulk", case, OURS, metric) for metric in ("time", "server_busy"))
        if found is None:
            rows.append([case, f"failed: {' '.join(results.failure('bulk', case, OURS).split())}", "", "", ""])
        else:
            speed = 1 / found.best
            times = f"{speed / QUOTA_TRACES_A_SECOND:,.0f} x"
            served = f"{busy.median:.0%}" if busy else ""
            rows.append([case, f"{speed:,.0f}", f"+{found.spread:.0%}", times, served])
    if not rows:
        return []
    settings = results.settings
    text = (
        f"This library reads {settings['bulk_sessions']} sessions of {settings['bulk_pages']} pages, end to end. "
        "For `to_arrow` the traces are in memory before the clock starts.\n"
        f"More is better here. The quota of the real service allows {QUOTA_TRACES_A_SECOND:.0f} traces a second "
        "(10,000 a minute).\n"
        "The aim is 100 times the quota: the work then takes a hundredth of the time that the quota makes it wait."
    )
    columns = ("", "traces a second", "median over best", "times the quota", "server busy")
    return [section("In bulk", text, table(columns, rows))]


def _import(results: Results) -> str:
    base = results.find("import", "new process", "aiohttp", "time")
    titles = {"aiohttp": "aiohttp alone"} | {peer.name: peer.title for peer in results.peers}
    rows = []
    for name, title in titles.items():
        found = results.find("import", "new process", name, "time")
        if found is not None:
            rows.append([title, quantity(found.best * 1e3), f"+{found.spread:.0%}", times(ratio(found, base))])
    columns = ("", "ms", "median over best", "vs aiohttp alone")
    return section("Import", "Each import runs in a new process, from bytecode.", table(columns, rows))


def _memory(results: Results) -> str:
    rows = []
    for case in results.cases("memory"):
        found = results.find("memory", case, OURS, "peak")
        rows.append([case, f"{found.best:.1f}" if found else results.failure("memory", case, OURS)])
    pages = results.settings["memory_pages"]
    text = f"This library streams sessions of {pages} pages. The figure is the peak of the process's memory."
    return section("Memory", text, table(("", "peak MiB"), rows))
