"""The published run: its figures, and the files that show them."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

import benchmarks
from benchmarks.peers import BY_HAND, OURS, PEERS
from benchmarks.plan import FULL
from benchmarks.plot import plot
from benchmarks.report import QUOTA_TRACES_A_SECOND, overview, report
from benchmarks.results import Results

FOLDER = Path(benchmarks.__file__).parent


@pytest.fixture(scope="module")
def published() -> Results:
    """Return the published run."""
    return Results.from_json((FOLDER / "results.json").read_text(encoding="utf-8"))


def best(results: Results, scenario: str, case: str, peer: str, metric: str) -> float:
    """Return a figure of the best round."""
    found = results.find(scenario, case, peer, metric)
    assert found is not None
    return found.best


def test_the_published_run_is_a_full_run_with_all_peers(published: Results) -> None:
    """No peer is missing, and no measurement failed."""
    assert not published.settings["quick"]
    assert [(peer.name, peer.missing) for peer in published.peers] == [(peer.name, None) for peer in PEERS]
    assert [found.note for found in published.measurements if not found.values] == []


def test_the_published_picture_and_tables_show_the_published_figures(published: Results) -> None:
    """The code makes exactly the files that are published."""
    assert (FOLDER / "results.svg").read_text(encoding="utf-8") == plot(published)
    assert (FOLDER / "results.md").read_text(encoding="utf-8") == report(published)


def test_the_readme_shows_the_overview_of_the_published_run(published: Results) -> None:
    """Its one table has exactly these lines, and the text names the date and the machine of the run."""
    readme = (FOLDER.parent / "README.md").read_text(encoding="utf-8")
    section = readme.partition("## How it compares\n")[2].partition("\n## ")[0]
    assert [line for line in section.splitlines() if line.startswith("|")] == overview(published).splitlines()
    text = " ".join(section.split())
    assert "(benchmarks/results.svg)" in text
    assert "(benchmarks/results.md)" in text
    machine = published.machine
    cpu = str(machine["cpu"]).replace("(R)", "").removesuffix(" Processor")
    assert f"({machine['date']}, {cpu}, {machine['cores']} cores, {machine['python']})" in text


def test_the_published_figures_of_bad_days_reach_their_aims(published: Results) -> None:
    """No session is lost, and there are few extra requests."""
    assert all(map(published.cases, ("neighbours", "brownout", "fairness")))
    for case in published.cases("neighbours"):
        assert best(published, "neighbours", case, OURS, "lost") == 0
    for case in published.cases("brownout"):
        figure = partial(best, published, "brownout", case, OURS)
        assert figure("lost") == 0
        assert figure("requests") - figure("failed") - figure("least") <= 25
        assert case != "one heavy trace" or figure("requests") <= 130
    for case in published.cases("fairness"):
        figure = partial(best, published, "fairness", case, OURS)
        assert figure("requests") == figure("least")
        assert figure("last_short") <= 1.1 * figure("by_turns")


def test_the_published_figures_of_bulk_work_reach_their_aim(published: Results) -> None:
    """Bulk work handles at least a hundred times the traces that the quota allows."""
    assert published.cases("bulk")
    for case in published.cases("bulk"):
        assert 1 / best(published, "bulk", case, OURS, "time") >= 100 * QUOTA_TRACES_A_SECOND


def test_the_published_figures_of_good_days_reach_their_aims(published: Results) -> None:
    """This test times nothing: it compares the published figures with their aims."""
    figure = partial(best, published)
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
