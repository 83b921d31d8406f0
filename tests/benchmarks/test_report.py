"""The report: tables in Markdown."""

from __future__ import annotations

import re

import attrs

from benchmarks.plot import plot
from benchmarks.report import overview, report
from benchmarks.results import Results
from benchmarks.tables import quantity, table


def cells(text: str) -> list[str]:
    """Return the rows of all tables, with single spaces in place of the alignment."""
    return [re.sub(r" +", " ", line) for line in text.splitlines() if line.startswith("|")]


def test_figures_have_three_significant_digits() -> None:
    """A figure of 100 or more keeps all digits before the decimal point."""
    assert [quantity(value) for value in (0.0, 0.16, 4.567, 45.67, 456.7, 11218.4)] == [
        "0", "0.16", "4.57", "45.7", "457", "11218",
    ]  # fmt: skip


def test_a_table_is_aligned_markdown() -> None:
    """The first column is aligned to the left, the others to the right."""
    assert table(("", "µs"), [["this", "1"], ["the other", "1234"]]) == (
        "|           |   µs |\n"
        "| :-------- | ---: |\n"
        "| this      |    1 |\n"
        "| the other | 1234 |\n"
    )  # fmt: skip


def test_the_overview_shows_a_figure_of_each_scenario(results: Results) -> None:
    """The overview has a row for each measured peer, and says if a scenario failed."""
    assert cells(overview(results)) == [
        "| | decode: µs a page | walk: CPU µs a page | 20 pages of 50 ms: s | lost of 60 sessions |",
        "| :---------------- | ----------------: | ------------------: | -------------------: | ------------------: |",
        "| ours | 140 | 400 | 0.25 | 0 |",
        "| by hand & quickly | 112 | 500 | failed | 59 |",
    ]
    assert overview(results) in report(results)


def test_the_report_names_the_machine_and_shows_the_figures(results: Results) -> None:
    """The report has the machine, versions, seed, the figures with their ratios, and their limits."""
    text = report(results)
    assert "- Date: 2026-11-24" in text
    assert "- Machine: Some CPU, 2 cores, Linux" in text
    assert "- Versions: CPython 3.11.7, aiohttp 3.14.5" in text
    assert "- Seed of the made-up sessions: 1" in text
    assert re.search(r"ours +\| +140 \| +\+4% \| +1 x \| +1.25 x", text)
    assert re.search(r"ours +\| +0 \| +0 \| +780 \| 35.4 \| +\+0.4", text)
    assert re.search(r"by hand & quickly \| +59 \|", text)
    assert "do not show" in text
    assert all(line.count("|") == 0 or line.startswith("| ") for line in text.splitlines())


def test_the_report_shows_the_losses_and_extra_requests_of_a_bad_day(results: Results) -> None:
    """Requests that timed out are no extra requests, and with a lost session the cell is empty."""
    assert set(cells(report(results))) >= {
        "| ours | 0 | 40 | +41 | 36.0 | +1.0 |",
        "| by hand & quickly | 70 | 70 | | 1.0 | |",
        "| ours | read | 73 | 17 | +6 | 16.2 |",
        "| by hand & quickly | lost | 26 | 1 | | 1.9 |",
        "| ours | 0 | 54% | 53% | +2 | 10.3 |",
        "| by hand & quickly | 3 | | 7% | | 10.5 |",
    }
    assert (
        "16 clients of the same peer share one address and its quota. Together they read 80 sessions of 10 pages."
        in report(results)
    )


def test_the_report_compares_bulk_work_with_the_quota(results: Results) -> None:
    """The table has traces a second, and their ratio to the traces that the quota allows."""
    text = report(results)
    section = text.partition("## In bulk\n")[2].partition("\n## ")[0]
    assert "This library reads 500 sessions of 2 pages" in section
    assert cells(section)[2:] == [
        "| `sync` | 31,250 | +12% | 188 x | 10% |",
        "| `to_arrow` | 250,000 | +0% | 1,500 x | |",
        "| `pull` | failed: ImportError: gone | | | |",
    ]
    assert "167 traces a second" in section
    assert "aim is 100 times the quota" in section
    assert "The peers have no bulk functions" in text.partition("do not show")[2]


def test_a_run_without_the_newer_scenarios_can_be_shown(results: Results) -> None:
    """The report leaves these scenarios out, and does not need their settings."""
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
    assert "## Herd" in text
    assert not [name for name in ("Neighbours", "Brown-out", "Fairness", "In bulk") if f"## {name}" in text]
    assert plot(older) == plot(results)


def test_the_report_says_what_was_not_measured(results: Results) -> None:
    """It names a missing peer and a failed scenario, each with the reason."""
    text = report(results)
    assert "Not measured:\n\n- openai: No module\n" in text
    assert re.search(r"by hand & quickly \| failed: OSError: gone \|", text)


def test_the_report_of_a_quick_run_warns_about_its_figures(results: Results) -> None:
    """A quick run is too short for figures that mean anything."""
    quick = attrs.evolve(results, settings=results.settings | {"quick": True})
    assert "Do not use its figures." in report(quick)
    assert "Do not use its figures." not in report(results)


def test_a_run_without_measurements_can_be_shown(results: Results) -> None:
    """A run in which everything failed does not end in a traceback."""
    assert "do not show" in report(attrs.evolve(results, measurements=()))
