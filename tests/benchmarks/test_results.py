"""The measurements, and the file that holds them."""

from __future__ import annotations

import json

import msgspec
import pytest

from benchmarks.peers import OURS
from benchmarks.results import Results, ratio, rounded
from tests.helpers.measurements import measured


def test_the_spread_compares_the_median_round_with_the_best_round() -> None:
    """With a spread of 0.5 the median round takes 1.5 times as long as the best round."""
    (found,) = measured("walk", "20 pages", OURS, cpu=(4.0, 2.0, 3.0))
    assert (found.best, found.spread) == (2.0, 0.5)
    (lost,) = measured("herd", "60 sessions", OURS, lost=(0.0,))
    assert (lost.best, lost.spread) == (0.0, 0.0)


def test_a_ratio_compares_the_best_rounds() -> None:
    """There is no ratio if one of the measurements is missing, or if the second is zero."""
    first, second = measured("walk", "20 pages", OURS, cpu=(4.0, 3.0), wall=(2.0, 2.5))
    (zero,) = measured("herd", "60 sessions", OURS, lost=(0.0,))
    assert ratio(first, second) == 1.5
    assert ratio(first, None) is ratio(None, first) is ratio(first, zero) is None


def test_the_file_keeps_five_digits() -> None:
    """Further digits are noise."""
    assert rounded([0.000141732123, 12.0]) == (0.00014173, 12.0)


def test_the_file_of_results_can_be_read_back(results: Results) -> None:
    """The file has the documented fields, and reading it returns the same results."""
    text = results.to_json()
    assert Results.from_json(text) == results
    document = json.loads(text)
    assert document["schema"] == 1
    assert document.keys() == {"schema", "machine", "settings", "peers", "measurements"}
    assert document["peers"][0].keys() == {"name", "title", "about", "packages", "missing"}
    assert document["measurements"][0].keys() == {"scenario", "case", "peer", "metric", "unit", "values", "note"}


def test_a_file_of_another_schema_is_refused(results: Results) -> None:
    """A file with a field of the wrong type is refused too."""
    with pytest.raises(ValueError, match="has schema 2, this version reads schema 1"):
        Results.from_json(results.to_json().replace('"schema": 1', '"schema": 2'))
    with pytest.raises(msgspec.ValidationError, match="values"):
        Results.from_json(results.to_json().replace("43.2", '"43.2"'))
