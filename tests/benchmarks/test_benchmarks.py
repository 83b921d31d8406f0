"""The benchmarks' own parts, without the peers: those are run by ``python -m benchmarks --quick``."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID
from xml.etree import ElementTree as ET

import aiohttp
import attrs
import msgspec
import pytest

from benchmarks import costs
from benchmarks import plot as plot_module
from benchmarks.bad_days import last_of_one_page
from benchmarks.bench import Bench
from benchmarks.bulk import CASES, bulk
from benchmarks.channel import Child, TaskFailedError
from benchmarks.peers import BY_HAND, OURS, PEERS
from benchmarks.plan import FULL, QUICK
from benchmarks.plot import plot
from benchmarks.report import QUOTA_TRACES_A_SECOND, quantity, report, table
from benchmarks.results import Measurement, PeerInfo, Results, ratio, rounded
from benchmarks.server import LANGFUSE_PATH, TwoShapeServer
from benchmarks.troubles import BrownOut, HeavyTrace
from lyzr_traces_async.testing import Quota

PUBLISHED = Path(plot_module.__file__).parent / "results.json"
SESSION = "3fa85f64-5717-4562-b3fc-2c963f66afa6"


def measured(scenario: str, case: str, peer: str, **metrics: tuple[float, ...]) -> list[Measurement]:
    """Return measurements, without their units."""
    return [
        Measurement(scenario=scenario, case=case, peer=peer, metric=metric, unit="", values=values)
        for metric, values in metrics.items()
    ]


@pytest.fixture
def results() -> Results:
    """A run of two peers. A third is not installed, and one scenario failed."""
    # fmt: off
    measurements = [
        *measured("decode", "100 traces", OURS, time=(0.000150, 0.000140)),
        *measured("decode", "100 traces", BY_HAND, time=(0.000120, 0.000112)),
        *measured("walk", "20 pages", OURS, cpu=(0.0004,), server_cpu=(0.00023,), server_busy=(0.5,)),
        *measured("walk", "20 pages", BY_HAND, cpu=(0.0005,), server_cpu=(0.00023,), server_busy=(0.4,)),
        *measured("latency", "20 pages", OURS, wall=(0.25,)),
        Measurement(
            scenario="latency", case="20 pages", peer=BY_HAND, metric="all", unit="", values=(), note="OSError: gone"
        ),
        *measured("herd", "60 sessions", OURS, lost=(0,), refused=(0,), requests=(780,), wall=(35.4,), floor=(35,)),
        *measured("herd", "60 sessions", BY_HAND, lost=(59,), refused=(59,), requests=(100,), wall=(1,), floor=(35,)),
        *measured(
            "neighbours", "16 clients", OURS, lost=(0,), refused=(40,), requests=(841,), least=(800,), wall=(36,),
            floor=(35,),
        ),
        *measured(
            "neighbours", "16 clients", BY_HAND, lost=(70,), refused=(70,), requests=(170,), least=(800,), wall=(1,),
            floor=(35,),
        ),
        *measured(
            "brownout", "one bad minute", OURS, lost=(0,), failed=(17,), requests=(73,), least=(50,), wall=(16.2,)
        ),
        *measured(
            "brownout", "one bad minute", BY_HAND, lost=(1,), failed=(1,), requests=(26,), least=(50,), wall=(1.9,)
        ),
        *measured(
            "fairness", "7 long, 100 short", OURS, lost=(0,), requests=(1502,), least=(1500,), last_short=(0.54,),
            by_turns=(0.53,), wall=(10.3,),
        ),
        *measured(
            "fairness", "7 long, 100 short", BY_HAND, lost=(3,), requests=(1500,), least=(1500,), last_short=(0.08,),
            by_turns=(0.07,), wall=(10.5,),
        ),
        *measured("bulk", "`sync`", OURS, time=(0.00004, 0.000032), server_busy=(0.1,)),
        *measured("bulk", "`to_arrow`", OURS, time=(0.000004,)),
        Measurement(
            scenario="bulk", case="`pull`", peer=OURS, metric="all", unit="", values=(), note="ImportError: gone"
        ),
        *measured("import", "new process", "aiohttp", time=(0.15, 0.16)),
        *measured("import", "new process", OURS, time=(0.18, 0.19)),
        *measured("memory", "100 sessions", OURS, peak=(43.2,)),
    ]
    # fmt: on
    return Results(
        machine={"date": "2026-11-24", "cpu": "Some CPU", "cores": 2, "system": "Linux", "python": "CPython 3.11.7"},
        settings={"quick": False, "seed": 1, "latency": 0.05, "quota": 100, "window": 5.0}
        | {"herd_pages": 13, "memory_pages": 3}
        | {"neighbours": 16, "neighbour_sessions": 5, "neighbour_pages": 10, "patience": 10.0}
        | {"brownout_pages": 50, "brownout": 15.0, "brownout_wait": 1.75, "heavy_fits": 5}
        | {"fair_long": 7, "fair_pages": 200, "fair_short": 100}
        | {"bulk_sessions": 500, "bulk_pages": 2},
        peers=(
            PeerInfo(name=OURS, title="ours", about="with its defaults", packages={"aiohttp": "3.14.5"}),
            PeerInfo(name=BY_HAND, title="by hand & quickly", about="a loop", packages={"aiohttp": "3.14.5"}),
            PeerInfo(name="openai_pages", title="openai", about="pages", packages={}, missing="No module"),
        ),
        measurements=tuple(measurements),
    )


def test_the_sessions_are_the_same_every_time() -> None:
    """They are valid ids, no two alike, and a longer list begins with the shorter one."""
    ids = FULL.session_ids(300)
    assert len({UUID(session) for session in ids}) == 300
    assert FULL.session_ids(60) == QUICK.session_ids(60) == ids[:60]


def test_the_best_round_counts_and_the_median_tells_how_far_it_can_be_trusted() -> None:
    """A spread of 0.5 is a median round that takes half as long again as the best one."""
    (found,) = measured("walk", "20 pages", OURS, cpu=(4.0, 2.0, 3.0))
    assert (found.best, found.spread) == (2.0, 0.5)
    (lost,) = measured("herd", "60 sessions", OURS, lost=(0.0,))
    assert (lost.best, lost.spread) == (0.0, 0.0)


def test_ratios_are_of_the_best_rounds() -> None:
    """There is none to what was not measured, nor to nothing."""
    first, second = measured("walk", "20 pages", OURS, cpu=(4.0, 3.0), wall=(2.0, 2.5))
    (nothing,) = measured("herd", "60 sessions", OURS, lost=(0.0,))
    assert ratio(first, second) == 1.5
    assert ratio(first, None) is ratio(None, first) is ratio(first, nothing) is None


def test_figures_are_shown_with_the_digits_that_count() -> None:
    """Three of them, but all before the point; the file keeps five."""
    assert [quantity(value) for value in (0.0, 0.16, 4.567, 45.67, 456.7, 11218.4)] == [
        "0", "0.16", "4.57", "45.7", "457", "11218",
    ]  # fmt: skip
    assert rounded([0.000141732123, 12.0]) == (0.00014173, 12.0)


def test_the_file_of_results_can_be_read_back(results: Results) -> None:
    """And has the fields that are documented."""
    text = results.to_json()
    assert Results.from_json(text) == results
    document = json.loads(text)
    assert document["schema"] == 1
    assert document.keys() == {"schema", "machine", "settings", "peers", "measurements"}
    assert document["peers"][0].keys() == {"name", "title", "about", "packages", "missing"}
    assert document["measurements"][0].keys() == {"scenario", "case", "peer", "metric", "unit", "values", "note"}


def test_a_file_of_another_schema_is_refused(results: Results) -> None:
    """So is one that is not what its schema says."""
    with pytest.raises(ValueError, match="schema 2 instead of 1"):
        Results.from_json(results.to_json().replace('"schema": 1', '"schema": 2'))
    with pytest.raises(msgspec.ValidationError, match="values"):
        Results.from_json(results.to_json().replace("43.2", '"43.2"'))


def test_a_table_is_markdown_and_lines_up() -> None:
    """The first column to the left, figures to the right."""
    assert table(("", "µs"), [["this", "1"], ["the other", "1234"]]) == (
        "|           |   µs |\n"
        "| :-------- | ---: |\n"
        "| this      |    1 |\n"
        "| the other | 1234 |\n"
    )  # fmt: skip


def test_the_report_says_what_was_measured_on_what(results: Results) -> None:
    """Machine, versions, seed, the figures with their ratios, and what they do not show."""
    text = report(results)
    assert "2026-11-24: Some CPU, 2 cores, Linux, CPython 3.11.7" in text
    assert "aiohttp 3.14.5" in text
    assert "Seed of the data 1." in text
    assert re.search(r"ours +\| +140 \| +\+4% \| +1 x \| +1.25 x", text)
    assert re.search(r"ours +\| +0 \| +0 \| +780 \| 35.4 \| +\+0.4", text)
    assert re.search(r"by hand & quickly \| +59 \|", text)
    assert "do not show" in text
    assert all(line.count("|") == 0 or line.startswith("| ") for line in text.splitlines())


def test_the_report_tells_what_a_bad_day_costs(results: Results) -> None:
    """Requests beyond the least, those that the brown-out refused apart; and nothing beyond it where some are lost."""
    rows = {re.sub(r" +", " ", line) for line in report(results).splitlines()}
    assert rows >= {
        "| ours | 0 | 40 | +41 | 36.0 | +1.0 |",
        "| by hand & quickly | 70 | 70 | | 1.0 | |",
        "| ours | read | 73 | 17 | +6 | 16.2 |",
        "| by hand & quickly | lost | 26 | 1 | | 1.9 |",
        "| ours | 0 | 54% | 53% | +2 | 10.3 |",
        "| by hand & quickly | 3 | | 7% | | 10.5 |",
    }
    assert "80 sessions of 10 pages, shared out among 16 clients" in report(results)


def test_the_report_shows_what_is_done_in_bulk_beside_the_quota(results: Results) -> None:
    """Traces a second, and how many times as many as the quota lets through; this library's rows alone."""
    text = report(results)
    _, _, bulk_table = text.partition("**In bulk**: this library alone, 500 sessions of 2 pages")
    rows = [re.sub(r" +", " ", line) for line in bulk_table.partition("**Import**")[0].splitlines() if "|" in line]
    assert rows[2:] == [
        "| `sync` | 31,250 | +12% | 188 x | 10% |",
        "| `to_arrow` | 250,000 | +0% | 1,500 x | |",
        "| `pull` | failed: ImportError: gone | | | |",
    ]
    assert "167 traces a second" in bulk_table
    assert "aim is 100 times that" in bulk_table
    assert "The peers have nothing that takes sessions in bulk" in text.partition("do not show")[2]


def test_a_run_of_before_these_scenarios_can_be_shown(results: Results) -> None:
    """They are left out, and their sizes are not needed."""
    newer = {"neighbours", "brownout", "fairness", "bulk"}
    settings = {
        name: value
        for name, value in results.settings.items()
        if not name.startswith(("neigh", "brown", "fair", "bulk"))
    }
    older = attrs.evolve(
        results,
        settings=settings,
        measurements=tuple(found for found in results.measurements if found.scenario not in newer),
    )
    text = report(older)
    assert "**Herd**" in text
    assert not [name for name in ("Neighbours", "Brown-out", "Fairness", "In bulk") if f"**{name}**" in text]
    assert plot(older) == plot(results)


def test_the_report_says_what_was_not_measured(results: Results) -> None:
    """A peer that is missing, and a scenario that failed."""
    text = report(results)
    assert "Not measured: openai (No module)." in text
    assert re.search(r"by hand & quickly \| failed: OSError: gone \|", text)


def test_the_picture_shows_each_figure(results: Results) -> None:
    """It is well-formed, says in words what it shows, and is the same every time."""
    text = plot(results)
    assert text == plot(Results.from_json(results.to_json()))
    root = ET.fromstring(text)  # noqa: S314 - our own
    texts = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
    assert {"ours", "by hand & quickly", "0.4 ms", "0.112 ms", "0.25 s", "59 of 60"} <= set(texts)
    title = root.find("{http://www.w3.org/2000/svg}title")
    assert title is not None
    assert title.text is not None
    assert "CPU a page: ours 0.4 ms, by hand & quickly 0.5 ms" in title.text


def test_a_run_that_brought_nothing_can_be_shown(results: Results) -> None:
    """A run in which everything failed must not end in a traceback."""
    nothing = Results(machine=results.machine, settings=results.settings, peers=results.peers, measurements=())
    assert ET.fromstring(plot(nothing)).tag.endswith("svg")  # noqa: S314 - our own
    assert "do not show" in report(nothing)


def _luminance(colour: str) -> float:
    """Return the relative luminance, by WCAG 2."""
    parts = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("background", ["#ffffff", "#0d1117"], ids=["light", "dark"])
def test_the_picture_can_be_read_on_any_page(results: Results, background: str) -> None:
    """All of its colours keep a contrast of 4:1 to the usual backgrounds."""
    colours = set(re.findall(r"#[0-9a-f]{6}", plot(results)))
    assert colours
    for colour in colours:
        lighter, darker = sorted((_luminance(colour), _luminance(background)), reverse=True)
        assert (lighter + 0.05) / (darker + 0.05) >= 4, colour


def test_the_published_picture_is_of_the_published_figures() -> None:
    """Neither is changed without the other, and both are of a full run with all peers."""
    results = Results.from_json(PUBLISHED.read_text(encoding="utf-8"))
    assert PUBLISHED.with_suffix(".svg").read_text(encoding="utf-8") == plot(results)
    assert not results.settings["quick"]
    assert [(peer.name, peer.missing) for peer in results.peers] == [(peer.name, None) for peer in PEERS]
    assert report(results)


def _best(results: Results, scenario: str, case: str, peer: str, metric: str) -> float:
    found = results.find(scenario, case, peer, metric)
    assert found is not None
    return found.best


def test_the_published_bad_days_are_as_good_as_what_is_aimed_at() -> None:
    """Nothing is lost, and few requests are made beyond the least."""
    results = Results.from_json(PUBLISHED.read_text(encoding="utf-8"))
    assert all(map(results.cases, ("neighbours", "brownout", "fairness")))
    for case in results.cases("neighbours"):
        assert _best(results, "neighbours", case, OURS, "lost") == 0
    for case in results.cases("brownout"):
        figure = partial(_best, results, "brownout", case, OURS)
        assert figure("lost") == 0
        assert figure("requests") - figure("failed") - figure("least") <= 25
        assert case != "one heavy trace" or figure("requests") <= 130
    for case in results.cases("fairness"):
        figure = partial(_best, results, "fairness", case, OURS)
        assert figure("requests") == figure("least")
        assert figure("last_short") <= 1.1 * figure("by_turns")


def test_the_published_bulk_is_as_good_as_what_is_aimed_at() -> None:
    """A hundred times what the quota lets through."""
    results = Results.from_json(PUBLISHED.read_text(encoding="utf-8"))
    assert results.cases("bulk")
    for case in results.cases("bulk"):
        assert 1 / _best(results, "bulk", case, OURS, "time") >= 100 * QUOTA_TRACES_A_SECOND


def test_the_published_figures_are_as_good_as_what_is_aimed_at() -> None:
    """Nothing is timed here: these are the figures of the run that the README quotes."""
    figure = partial(_best, Results.from_json(PUBLISHED.read_text(encoding="utf-8")))
    assert figure("decode", "100 traces", OURS, "time") <= 170e-6
    cpu = figure("walk", "200 pages", OURS, "cpu")
    assert cpu <= 1.4 * figure("walk", "200 pages", BY_HAND, "cpu")
    assert 6 * cpu <= figure("walk", "200 pages", "openai_pages", "cpu")
    assert figure("latency", "20 pages", OURS, "wall") <= 0.3
    for sessions in FULL.herd_sessions:
        herd = partial(figure, "herd", f"{sessions} sessions", OURS)
        assert (herd("lost"), herd("refused")) == (0, 0)
        assert herd("requests") == sessions * FULL.herd_pages
        assert herd("wall") <= 1.03 * herd("floor")
    assert figure("import", "new process", OURS, "time") <= 1.5 * figure("import", "new process", "aiohttp", "time")
    assert figure("memory", "1000 sessions", OURS, "peak") <= 1.02 * figure("memory", "100 sessions", OURS, "peak")


def test_the_readme_shows_the_published_figures() -> None:
    """Every row of its tables stands in the report of the run that is in the repository."""
    text = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    section = text.partition("## How it compares")[2].partition("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("| ")]
    assert len(rows) == len(re.findall(r"^\*\*", section, re.MULTILINE)) * (2 + len(PEERS)) > 0
    results = Results.from_json(PUBLISHED.read_text(encoding="utf-8"))
    assert [row for row in rows if row not in report(results).splitlines()] == []
    told = " ".join(section.split())
    versions = {name: version for peer in results.peers for name, version in peer.packages.items()}
    for name in ("aiohttp", "openai", "langfuse", "httpx", "pydantic"):
        assert f"{name} {versions[name]}" in told
    assert f"{results.machine['python']}," in told
    figure = partial(_best, results)
    cost = figure("import", "new process", OURS, "time") / figure("import", "new process", "aiohttp", "time")
    assert f"costs {cost:.2f} times importing aiohttp" in told
    for case, name in (
        ("`TraceStore.sync`, into a new file", "with"),
        ("`pull_sessions`, into a Parquet file", "`pull_sessions` with"),
    ):
        assert f"{name} {1 / figure('bulk', case, OURS, 'time') / QUOTA_TRACES_A_SECOND:,.0f} times" in told
    peaks = [figure("memory", f"{sessions} sessions", OURS, "peak") for sessions in (1000, 100)]
    assert f"Streaming 1,000 sessions peaked at {peaks[0]:.1f} MiB, 100 at {peaks[1]:.1f} MiB" in told


def test_an_import_is_timed_with_bytecode(monkeypatch: pytest.MonkeyPatch) -> None:
    """An installed package comes compiled, wherever the benchmark runs."""
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    assert costs._import_time("import sys; assert not sys.dont_write_bytecode") > 0


async def test_the_server_has_the_same_traces_in_both_shapes() -> None:
    """At Langfuse's path they have its names, and count against the same quota."""
    async with TwoShapeServer(Quota(3, 60)) as server, aiohttp.ClientSession(headers={"x-api-key": "test-key"}) as http:
        server.add_session(SESSION, 5)
        params = {"page": "2", "limit": "2"}
        async with http.get(f"{server.base_url}/traces/session/{SESSION}", params=params) as answer:
            ours = await answer.json()
        url = server.base_url.removesuffix("/v1") + LANGFUSE_PATH
        async with http.get(url, params={**params, "sessionId": SESSION}) as answer:
            theirs = await answer.json()
            assert "r=1;" in answer.headers["RateLimit"]
        async with http.get(url, params={"sessionId": SESSION.replace("3", "4")}) as answer:
            assert answer.status == 404
    assert theirs["meta"] == ours["pagination"]
    assert [trace["id"] for trace in theirs["data"]] == [trace["traceId"] for trace in ours["traces"]]
    assert server.answers(None, None) == {200: 2, 404: 1}
    assert server.answers(SESSION, None) == {200: 2}
    assert server.answers(None, server.answered[-1].moment) == {200: 2}


async def test_the_server_starts_a_new_window_when_told() -> None:
    """So that nobody has to wait for what the one before has spent."""
    async with TwoShapeServer(Quota(1, 60)) as server, aiohttp.ClientSession(headers={"x-api-key": "test-key"}) as http:
        server.add_session(SESSION, 5)
        statuses = []
        for _ in range(2):
            for _ in range(2):
                async with http.get(f"{server.base_url}/traces/session/{SESSION}?page=1&limit=2") as answer:
                    statuses.append(answer.status)
            server.new_window()
    assert statuses == [200, 429] * 2


def test_a_brown_out_begins_in_the_middle_of_each_session_and_passes() -> None:
    """It begins with the request after the last good one, and has its time from then on."""
    trouble = BrownOut(wait=7, after=2, seconds=60)
    asked = [
        ("a", 0),
        ("a", 1),
        ("b", 1),
        ("a", 10),
        ("a", 69),
        ("b", 69),
        ("b", 70),
        ("a", 70),
        ("b", 129),
        ("b", 130),
    ]
    struck = [(session, now) for session, now in asked if trouble.strikes(session, 1, 100, now)]
    assert struck == [("a", 10), ("a", 69), ("b", 70), ("b", 129)]


def test_a_heavy_trace_is_in_the_way_of_every_page_that_holds_it() -> None:
    """Unless the page is small enough. The pages beside it are not concerned."""
    trouble = HeavyTrace(wait=7, row=250, fits=5)
    pages = {100: (3,), 50: (6,), 25: (11,), 5: (), 1: ()}
    found = {
        limit: tuple(page for page in range(1, 500 // limit + 1) if trouble.strikes("a", page, limit, 0))
        for limit in pages
    }
    assert found == pages


@pytest.mark.parametrize(
    ("pages", "at_once", "last"),
    [
        ([1], 8, 1),
        ([3, 3, 1], 3, 3),
        ([3, 3, 1, 1], 3, 6),
        ([3, 3, 1, 1, 1], 3, 9),
        ([3, 3, 1, 1, 1, 1], 3, 10),
        ([200] * 7 + [1] * 100, 8, 800),
        ([200] * 7 + [1] * 100, 107, 107),
        ([2, 1], 1, 3),
        ([2, 2], 8, 0),
    ],
)
def test_where_sessions_take_turns_the_short_ones_end_early(pages: list[int], at_once: int, last: int) -> None:
    """What the fairness is measured by: one page of each session that is being read, then the next of each."""
    assert last_of_one_page(pages, at_once) == last


@pytest.fixture(scope="module")
def processes() -> Iterator[tuple[Child, Child]]:
    """The server, and a worker for this library."""
    with Child("benchmarks.server") as server, Child("benchmarks.worker", OURS) as worker:
        yield server, worker


def test_a_worker_measures_what_it_reads_from_the_server(processes: tuple[Child, Child]) -> None:
    """The whole of a scenario for one peer, small."""
    server, worker = processes
    ids = QUICK.session_ids(3)
    where = server.do("open", sessions=ids, traces=[29, 29, 9]) | {"limit": 10}
    assert "aiohttp" in worker.do("hello")
    assert worker.do("walk", session=ids[0], traces=29, **where)["cpu"] > 0
    assert server.do("report")["answers"] == {"200": 3}
    sessions = dict(zip(ids, [29, 29, 9], strict=True))
    assert worker.do("herd", sessions=sessions, **where)["lost"] == 0
    assert server.do("answers", session=ids[2]) == {"200": 1}
    done = worker.do("herd", sessions={**sessions, SESSION: 1}, **where)
    assert (done["lost"], done["errors"]) == (1, {"NotFoundError": 1})


def test_the_moment_is_told_when_the_last_of_some_sessions_has_ended(processes: tuple[Child, Child]) -> None:
    """The server's clock is the same: it knows what had been answered by then."""
    server, worker = processes
    short, long = QUICK.session_ids(2)
    where = server.do("open", sessions=[short, long], traces=[9, 299], latency=0.05) | {"limit": 10}
    done = worker.do("herd", sessions={short: 9, long: 299}, watched=[short], **where)
    assert server.do("answers") == {"200": 31}
    assert 1 <= server.do("answers", before=done["last"])["200"] < 31
    done = worker.do("herd", sessions={short: 9, long: 299}, watched=[long], **where)
    assert server.do("answers", before=done["last"]) == {"200": 62}


def test_many_clients_share_the_sessions_out(processes: tuple[Child, Child]) -> None:
    """Each has its own idea of the quota, so that as many are refused as there are clients too many."""
    server, worker = processes
    ids = QUICK.session_ids(6)
    where = server.do("open", sessions=ids, traces=[9] * 6, quota=(2, 60)) | {"limit": 10}
    done = worker.do("herd", sessions=dict.fromkeys(ids, 9), clients=6, patience=0.5, **where)
    assert (done["lost"], done["errors"]) == (4, {"RateLimitError": 4})
    assert server.do("report")["answers"] == {"200": 2, "429": 4}
    server.do("new_window")
    worker.do("herd", sessions=dict.fromkeys(ids[:4], 9), clients=2, patience=0.5, **where)
    assert server.do("report")["answers"] == {"200": 2, "429": 2}


@pytest.mark.parametrize(
    "trouble",
    [
        {"kind": "brownout", "after": 2, "seconds": 0.01, "wait": 0.02},
        {"kind": "heavy", "row": 15, "fits": 5, "wait": 0.02},
    ],
    ids=["brown-out", "heavy trace"],
)
def test_a_server_in_trouble_fails_as_the_real_one_does(
    processes: tuple[Child, Child], trouble: dict[str, Any]
) -> None:
    """Some requests time out, and the session is read nevertheless."""
    server, worker = processes
    (session,) = QUICK.session_ids(1)
    where = server.do("open", sessions=[session], traces=[39], trouble=trouble) | {"limit": 10}
    assert worker.do("herd", sessions={session: 39}, **where)["lost"] == 0
    answers = server.do("answers", session=session)
    assert answers["200"] >= 4
    assert answers["502"] >= 1


def test_a_task_that_fails_says_why_and_the_process_goes_on(processes: tuple[Child, Child]) -> None:
    """Short sessions count as failures: they are what must not happen silently."""
    server, worker = processes
    (session,) = QUICK.session_ids(1)
    where = server.do("open", sessions=[session], traces=[29]) | {"limit": 10}
    with pytest.raises(TaskFailedError, match="29 traces instead of 30"):
        worker.do("walk", session=session, traces=30, **where)
    done = worker.do("herd", sessions={session: 30}, **where)
    assert (done["lost"], done["errors"]) == (1, {"29 traces instead of 30": 1})
    assert worker.do("peak") > 1


def test_who_fails_beside_others_is_out_and_the_others_are_not(processes: tuple[Child, Child]) -> None:
    """At the same time as by turns."""
    server, worker = processes
    with Child("benchmarks.worker", BY_HAND) as other:
        bench = Bench(QUICK, server, {OURS: worker, BY_HAND: other}, lambda _: None)

        def task(name: str, worker: Child) -> Any:
            return worker.do("peak" if name == OURS else "no_such_task")

        assert bench.together("brownout", "some case", task).keys() == {OURS}
        assert bench.rounds("walk", "some case", 2, lambda worker: task(BY_HAND, worker)) == {}
    assert [(found.scenario, found.peer, found.note) for found in bench.measurements] == [
        ("brownout", BY_HAND, "KeyError: 'no_such_task'"),
        ("walk", OURS, "KeyError: 'no_such_task'"),
        ("walk", BY_HAND, "KeyError: 'no_such_task'"),
    ]


def test_what_is_done_in_bulk_is_measured_in_a_process_of_its_own(processes: tuple[Child, Child]) -> None:
    """The whole scenario, small. Where the traces are not all there it fails, and says so."""
    server, _ = processes
    bench = Bench(attrs.evolve(QUICK, bulk_sessions=2, bulk_pages=1), server, {}, lambda _: None)
    bulk(bench)
    assert [found.note for found in bench.measurements if not found.values] == []
    measures = [(found.case, found.metric) for found in bench.measurements]
    into_store, _, pulled = CASES.values()
    assert sorted(measures) == sorted(
        [(case, "time") for case in CASES.values()] + [(case, "server_busy") for case in (into_store, pulled)]
    )
    assert all(found.best > 0 for found in bench.measurements if found.metric == "time")
    (session,) = QUICK.session_ids(1)
    where = server.do("open", sessions=[session], traces=[29]) | {"limit": 10}
    with Child("benchmarks.bulk_worker") as worker:
        for task in CASES:
            with pytest.raises(TaskFailedError, match="29 traces instead of 30"):
                worker.do(task, sessions=[session], traces=30, **where)


def test_a_process_that_ends_is_a_failure() -> None:
    """It does not leave the parent waiting."""
    with Child("benchmarks.worker", "no_such_peer") as child, pytest.raises(TaskFailedError, match="status 1"):
        child.do("hello")
