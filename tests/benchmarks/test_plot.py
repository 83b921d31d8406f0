"""The picture of the results."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

import attrs
import pytest

from benchmarks.plot import plot
from benchmarks.results import Results


def _luminance(colour: str) -> float:
    """Return the relative luminance of WCAG 2."""
    parts = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_the_picture_shows_each_figure(results: Results) -> None:
    """The picture is well-formed, has a title with all figures, and is the same every time."""
    text = plot(results)
    assert text == plot(Results.from_json(results.to_json()))
    root = ET.fromstring(text)  # noqa: S314 - our own
    texts = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
    assert {"ours", "by hand & quickly", "0.4 ms", "0.112 ms", "0.25 s", "59 of 60"} <= set(texts)
    title = root.find("{http://www.w3.org/2000/svg}title")
    assert title is not None
    assert title.text is not None
    assert "CPU a page: ours 0.4 ms, by hand & quickly 0.5 ms" in title.text


@pytest.mark.parametrize("background", ["#ffffff", "#0d1117"], ids=["light", "dark"])
def test_the_picture_is_readable_on_light_and_dark_pages(results: Results, background: str) -> None:
    """All of its colours have a contrast of at least 4:1 to the usual backgrounds."""
    colours = set(re.findall(r"#[0-9a-f]{6}", plot(results)))
    assert colours
    for colour in colours:
        lighter, darker = sorted((_luminance(colour), _luminance(background)), reverse=True)
        assert (lighter + 0.05) / (darker + 0.05) >= 4, colour


def test_a_run_without_measurements_can_be_drawn(results: Results) -> None:
    """A run in which everything failed does not end in a traceback."""
    assert ET.fromstring(plot(attrs.evolve(results, measurements=()))).tag.endswith("svg")  # noqa: S314 - our own
