"""The results as Markdown: readable on a terminal, and fit to be pasted into a page."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from .peers import BY_HAND, OURS
from .results import Results, ratio

Row = Sequence[str]

# What the service's quota lets through: 100 requests a minute, of 100 traces each.
QUOTA_TRACES_A_SECOND: Final = 10_000 / 60

LIMITS = """\
What these figures do not show:

- The server is on the same machine: no network, no TLS, no compression. Where those are in play, the differences in CPU
  matter less, and those in latency and in the quota are what is left.
- The server's pages are made up, with short names, all of them full but for one trace in the last, and nothing is ever
  missing but costs and latencies. The list does not move while it is read. Nothing fails but by the quota, and in the
  brown-out.
- This library asks for up to eight pages of a session at once, the others for one after the other. Both the client and
  the server then do more in one turn of their event loops, which is a part of what it saves.
- The best of the rounds is what the code can do; how far the median lies above it tells how much of that to expect.
- CPU is that of the client's process. Memory was looked at for this library alone.
- Not all of the work is the same. With aiohttp by hand nothing is checked; openai-python does not check types either;
  langfuse gets another shape of the same data, with more fields.
- Every peer has its own defaults for retries, time-outs and connections. Most can be told to be more patient with a
  quota. What is compared is what happens to those who don't.
- Where there are many sessions the peers start all of them at once, with `asyncio.gather`; this library is given all of
  them too, and by default reads eight at a time. How many the others lose depends on their speed: a client that is slow
  enough, as on a busy machine, meets the quota later. And who reads all at once is soon done with the short ones.
- Windows of a few seconds stand for the minute of the real quota, and a bad minute is as short. Back-offs stay as they
  are, and so weigh more here. In the brown-out all peers are at work at the same time.
- The peers have nothing that takes sessions in bulk: there this library stands beside the quota, not beside them. Pages
  are full there: sessions of a few traces bring fewer with each request, from the real service as from this server.
"""


def report(results: Results) -> str:
    """Return everything as text."""
    shown = {
        "decode": _decode,
        "walk": _walk,
        "latency": _latency,
        "herd": _herd,
        "neighbours": _neighbours,
        "brownout": _brownout,
        "fairness": _fairness,
    }
    tables = [show(results, case) for scenario, show in shown.items() for case in results.cases(scenario)]
    return "\n".join([_head(results), *tables, *_bulk(results), _import(results), _memory(results), LIMITS])


def table(head: Row, rows: Sequence[Row]) -> str:
    """Return a table of Markdown, its columns aligned: the first to the left, the others to the right."""
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]

    def line(row: Row) -> str:
        cells = [row[0].ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
        return f"| {' | '.join(cells)} |\n"

    rule = [":" + "-" * (widths[0] - 1), *("-" * (width - 1) + ":" for width in widths[1:])]
    return line(head) + line(rule) + "".join(map(line, rows))


def quantity(value: float) -> str:
    """Return a number with three digits that count."""
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def _times(value: float | None) -> str:
    return "" if value is None else f"{quantity(value)} x"


def _head(results: Results) -> str:
    on, settings = results.machine, results.settings
    versions = {name: version for peer in results.peers for name, version in peer.packages.items()}
    lines = [
        f"{on['date']}: {on['cpu']}, {on['cores']} cores, {on['system']}, {on['python']}.",
        ", ".join(f"{name} {version}" for name, version in versions.items()) + ".",
        f"Seed of the data {settings['seed']}. All in one go: a process for each peer, and one server for all.",
    ]
    lines += ["", *(f"- {peer.title}: {peer.about}" for peer in results.peers), ""]
    lines += [f"Not measured: {peer.title} ({peer.missing})." for peer in results.peers if peer.missing]
    if settings["quick"]:
        lines.append("A QUICK RUN: it shows that everything works. Its figures are of no use.")
    return "\n".join(lines).rstrip() + "\n"


def _rows(results: Results, scenario: str, case: str, cells: Callable[[str], list[str]]) -> list[Row]:
    rows: list[Row] = []
    for peer in results.peers:
        if peer.missing:
            continue
        if failure := results.failure(scenario, case, peer.name):
            blank = [""] * (len(cells(OURS)) - 1)
            rows.append([peer.title, f"failed: {' '.join(failure.split()).replace('|', '/')}", *blank])
        else:
            rows.append([peer.title, *cells(peer.name)])
    return rows


def _timed(results: Results, scenario: str, case: str, metric: str, scale: float) -> Callable[[str], list[str]]:
    """Return what makes the cells of a peer: the best figure, its spread, and how it compares."""

    def cells(peer: str) -> list[str]:
        found = results.find(scenario, case, peer, metric)
        if found is None:
            return [""] * 4
        compared = (ratio(found, results.find(scenario, case, other, metric)) for other in (OURS, BY_HAND))
        return [quantity(found.best * scale), f"+{found.spread:.0%}", *map(_times, compared)]

    return cells


COMPARED = ("median over best", "to this library", "to aiohttp by hand")


def _decode(results: Results, case: str) -> str:
    rows = _rows(results, "decode", case, _timed(results, "decode", case, "time", 1e6))
    head = f"**Decode**: one page of {case}, from bytes to values. Best of the rounds."
    return f"{head}\n\n" + table(("", "µs a page", *COMPARED), rows)


def _walk(results: Results, case: str) -> str:
    timed = _timed(results, "walk", case, "cpu", 1e6)

    def cells(peer: str) -> list[str]:
        busy = results.find("walk", case, peer, "server_busy")
        served = results.find("walk", case, peer, "server_cpu")
        return [*timed(peer), quantity(served.median * 1e6) if served else "", f"{busy.median:.0%}" if busy else ""]

    rows = _rows(results, "walk", case, cells)
    head = (
        f"**Walk**: the client's CPU for each of {case} of one session, end to end. Best of the rounds.\n"
        "The last columns are the server's: its CPU a page, and how busy it was."
    )
    return f"{head}\n\n" + table(("", "µs a page", *COMPARED, "server µs", "server busy"), rows)


def _latency(results: Results, case: str) -> str:
    rows = _rows(results, "latency", case, _timed(results, "latency", case, "wall", 1))
    each = results.settings["latency"] * 1e3
    head = f"**Latency**: {case} of one session, from a server that takes {each:.0f} ms for each."
    return f"{head}\n\n" + table(("", "s", *COMPARED), rows)


def _best(results: Results, scenario: str, case: str, peer: str) -> dict[str, float]:
    """Return the figures of a peer by their metrics: empty where it was not measured."""
    ours = [one for one in results.measurements if (one.scenario, one.case, one.peer) == (scenario, case, peer)]
    return {one.metric: one.best for one in ours if one.values}


def _over(best: Mapping[str, float], metric: str, least: str, digits: int) -> str:
    """Return how far a figure lies above the least one; nothing where the work was not done."""
    return "" if best["lost"] else f"{best[metric] - best[least]:+.{digits}f}"


def _herd(results: Results, case: str) -> str:
    def cells(peer: str) -> list[str]:
        best = _best(results, "herd", case, peer)
        if not best:
            return [""] * 5
        counts = (f"{best[metric]:.0f}" for metric in ("lost", "refused", "requests"))
        return [*counts, f"{best['wall']:.1f}", _over(best, "wall", "floor", 1)]

    settings = results.settings
    head = (
        f"**Herd**: {case} of {settings['herd_pages']} pages at once, where {settings['quota']} requests are "
        f"answered in {settings['window']:g} s. Retries as each has them by default.\n"
        "The floor is the time until the last window opens; how fast the rest is read is up to the client."
    )
    columns = ("", "sessions lost", "answers 429", "requests", "s", "s over the floor")
    return f"{head}\n\n" + table(columns, _rows(results, "herd", case, cells))


def _neighbours(results: Results, case: str) -> str:
    def cells(peer: str) -> list[str]:
        best = _best(results, "neighbours", case, peer)
        if not best:
            return [""] * 5
        beyond = _over(best, "requests", "least", 0)
        counts = (f"{best[metric]:.0f}" for metric in ("lost", "refused"))
        return [*counts, beyond, f"{best['wall']:.1f}", _over(best, "wall", "floor", 1)]

    settings = results.settings
    sessions = settings["neighbours"] * settings["neighbour_sessions"]
    head = (
        f"**Neighbours**: {sessions} sessions of {settings['neighbour_pages']} pages, shared out among {case} at one "
        f"address, where {settings['quota']} requests are answered in {settings['window']:g} s.\n"
        f"The `max_rate_limit_wait` of this library is {settings['patience']:g} s: two windows, as by default with the "
        "real service."
    )
    columns = ("", "sessions lost", "answers 429", "requests beyond the least", "s", "s over the floor")
    return f"{head}\n\n" + table(columns, _rows(results, "neighbours", case, cells))


def _brownout(results: Results, case: str) -> str:
    def cells(peer: str) -> list[str]:
        best = _best(results, "brownout", case, peer)
        if not best:
            return [""] * 5
        # What timed out is shown apart.
        beyond = _over(best | {"requests": best["requests"] - best["failed"]}, "requests", "least", 0)
        lost = "lost" if best["lost"] else "read"
        return [lost, f"{best['requests']:.0f}", f"{best['failed']:.0f}", beyond, f"{best['wall']:.1f}"]

    settings = results.settings
    told = f"told so after {settings['brownout_wait']:g} s"
    what = {
        "one bad minute": f"in the middle of it everything times out for {settings['brownout']:g} s, {told}",
        "one heavy trace": f"pages of more than {settings['heavy_fits']} traces with one of them time out, {told}",
    }
    head = (
        f"**Brown-out**, {case}: a session of {settings['brownout_pages']} pages; {what.get(case, case)}.\n"
        f"The least number of requests is {settings['brownout_pages']}."
    )
    columns = ("", "the session", "requests", "of them timed out", "others beyond the least", "s")
    return f"{head}\n\n" + table(columns, _rows(results, "brownout", case, cells))


def _fairness(results: Results, case: str) -> str:
    def cells(peer: str) -> list[str]:
        best = _best(results, "fairness", case, peer)
        if not best:
            return [""] * 5
        ended = "" if best["lost"] else f"{best['last_short']:.0%}"
        beyond = _over(best, "requests", "least", 0)
        return [f"{best['lost']:.0f}", ended, f"{best['by_turns']:.0%}", beyond, f"{best['wall']:.1f}"]

    settings = results.settings
    head = (
        f"**Fairness**: {settings['fair_long']} sessions of {settings['fair_pages']} pages, and after them "
        f"{settings['fair_short']} of one page, given all at once, in each one's own way.\n"
        "How much of all requests had been answered when the last short session was there; and where sessions take "
        "turns,\nas many at once as that peer begins: this library eight, the others all."
    )
    columns = ("", "sessions lost", "last short one at", "by turns", "requests beyond the least", "s")
    return f"{head}\n\n" + table(columns, _rows(results, "fairness", case, cells))


def _bulk(results: Results) -> list[str]:
    """Return the table of all cases; none where a run did not have them."""
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
    head = (
        f"**In bulk**: this library alone, {settings['bulk_sessions']} sessions of {settings['bulk_pages']} pages, "
        "end to end;\nfor Arrow the traces are in memory at the start. Best of the rounds."
    )
    columns = ("", "traces a second", "median over best", "times the quota", "server busy")
    aim = (
        f"The quota of the real service lets {QUOTA_TRACES_A_SECOND:.0f} traces a second through, 10,000 a minute. The "
        "aim is 100 times that: then the\nwork itself takes a hundredth of the time that the quota makes it take."
    )
    return [f"{head}\n\n{table(columns, rows)}\n{aim}\n"]


def _import(results: Results) -> str:
    base = results.find("import", "new process", "aiohttp", "time")
    titles = {"aiohttp": "aiohttp alone"} | {peer.name: peer.title for peer in results.peers}
    rows = []
    for name, title in titles.items():
        found = results.find("import", "new process", name, "time")
        if found is not None:
            rows.append([title, quantity(found.best * 1e3), f"+{found.spread:.0%}", _times(ratio(found, base))])
    return "**Import**, in a new process.\n\n" + table(("", "ms", "median over best", "to aiohttp alone"), rows)


def _memory(results: Results) -> str:
    rows = []
    for case in results.cases("memory"):
        found = results.find("memory", case, OURS, "peak")
        rows.append([case, f"{found.best:.1f}" if found else results.failure("memory", case, OURS)])
    pages = results.settings["memory_pages"]
    return f"**Memory** of this library, streaming sessions of {pages} pages.\n\n" + table(("", "peak MiB"), rows)
