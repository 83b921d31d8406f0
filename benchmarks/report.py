"""The results as Markdown: readable on a terminal, and fit to be pasted into a page."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from .peers import BY_HAND, OURS
from .results import Results, ratio

Row = Sequence[str]

LIMITS = """\
What these figures do not show:

- The server is on the same machine: no network, no TLS, no compression. Where those are in play, the differences in CPU
  matter less, and those in latency and in the quota are what is left.
- The server's pages are made up, all of them full, with short names, and nothing is ever missing but costs and
  latencies. The list does not move while it is read, and nothing fails but by the quota.
- This library asks for up to eight pages of a session at once, the others for one after the other. Both the client and
  the server then do more in one turn of their event loops, which is a part of what it saves.
- The best of the rounds is what the code can do; how far the median lies above it tells how much of that to expect.
- CPU is that of the client's process. Memory was looked at for this library alone.
- Not all of the work is the same. With aiohttp by hand nothing is checked; openai-python does not check types either;
  langfuse gets another shape of the same data, with more fields.
- Every peer has its own defaults for retries, time-outs and connections. Most can be told to be more patient with a
  quota. What is compared is what happens to those who don't.
- In the herd the peers start all sessions at once, with `asyncio.gather`; this library is given all of them too, and by
  default reads eight at a time. How many the others lose depends on their speed: a client that is slow enough, as on a
  busy machine, meets the quota later.
"""


def report(results: Results) -> str:
    """Return everything as text."""
    shown = {"decode": _decode, "walk": _walk, "latency": _latency, "herd": _herd}
    tables = [show(results, case) for scenario, show in shown.items() for case in results.cases(scenario)]
    return "\n".join([_head(results), *tables, _import(results), _memory(results), LIMITS])


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


def _herd(results: Results, case: str) -> str:
    def cells(peer: str) -> list[str]:
        metrics = ("lost", "refused", "requests", "wall", "floor")
        found = {metric: results.find("herd", case, peer, metric) for metric in metrics}
        best = {metric: one.best for metric, one in found.items() if one is not None}
        if len(best) < len(found):
            return [""] * 5
        over = "" if best["lost"] else f"{best['wall'] - best['floor']:+.1f}"
        return [*(f"{best[metric]:.0f}" for metric in metrics[:3]), f"{best['wall']:.1f}", over]

    settings = results.settings
    head = (
        f"**Herd**: {case} of {settings['herd_pages']} pages at once, where {settings['quota']} requests are "
        f"answered in {settings['window']:g} s. Retries as each has them by default.\n"
        "The floor is the time until the last window opens; how fast the rest is read is up to the client."
    )
    columns = ("", "sessions lost", "answers 429", "requests", "s", "s over the floor")
    return f"{head}\n\n" + table(columns, _rows(results, "herd", case, cells))


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
