"""Counts, seconds and flags that users pass in: their bounds, and how others are refused."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable

import pytest

from lyzr_traces_async._arguments import (
    MAX_COUNT,
    MAX_LIMIT,
    check_count,
    check_flag,
    check_seconds,
)
from tests.surface.refusing import refusal


def test_the_largest_limit_is_that_of_the_service() -> None:
    """It is the documented one."""
    assert MAX_LIMIT == 100


@pytest.mark.parametrize("value", [1, 2, 99, 100, 10**9])
def test_a_count_is_an_integer_from_1_on(value: int) -> None:
    """A maximum is optional."""
    check_count("page", value)
    check_count("page", value, value)
    check_count("page", value, minimum=value)


@pytest.mark.parametrize("value", [0, -1, True, False, 1.0, "1", None, math.inf, [1]])
def test_anything_else_is_no_count(value: object) -> None:
    """True and 1.0 are refused too."""
    assert refusal(check_count, "page", value) == f"page must be an integer >= 1, not {value!r}"
    assert refusal(check_count, "limit", value, 100) == f"limit must be an integer from 1 to 100, not {value!r}"


def test_a_count_has_its_bounds() -> None:
    """The error names them."""
    assert refusal(check_count, "limit", 101, 100) == "limit must be an integer from 1 to 100, not 101"
    assert refusal(check_count, "x", 1, minimum=2) == "x must be an integer >= 2, not 1"
    assert refusal(check_count, "x", 6, 5, minimum=0) == "x must be an integer from 0 to 5, not 6"
    check_count("x", 0, 5, minimum=0)
    check_count("x", 5, 5, minimum=0)


@pytest.mark.parametrize("value", [45, 45.0, 0.001, 5e-324, sys.float_info.max])
def test_seconds_are_a_finite_number_above_0(value: float) -> None:
    """They need not be whole."""
    check_seconds("timeout", value)
    check_seconds("timeout", value, value)


@pytest.mark.parametrize("value", [0, 0.0, -1, math.inf, -math.inf, math.nan, True, "45", None, 10**400])
def test_anything_else_is_no_number_of_seconds(value: object) -> None:
    """None is refused, since it would mean no time-out."""
    assert refusal(check_seconds, "timeout", value).startswith("timeout must be a number of seconds > 0, not ")


def test_zero_seconds_may_be_allowed() -> None:
    """The waits between attempts may be 0, and the text says so."""
    check_seconds("wait", 0, zero=True)
    assert refusal(check_seconds, "wait", -1, zero=True) == "wait must be a number of seconds >= 0, not -1"


@pytest.mark.parametrize("check", [check_count, check_seconds])
def test_numbers_too_long_to_print_are_refused_like_others(check: Callable[..., object]) -> None:
    """Python refuses to convert an integer of more than 4,300 digits to text."""
    assert refusal(check, "x", 10**5000).endswith(", not an integer with too many digits")


def test_a_count_is_at_most_the_largest_that_json_readers_agree_on() -> None:
    """A count up to it is sent unchanged."""
    check_count("page", MAX_COUNT)
    assert refusal(check_count, "page", MAX_COUNT + 1) == f"page must be an integer >= 1, not {MAX_COUNT + 1}"


def test_seconds_may_have_a_bound() -> None:
    """The bound itself is accepted."""
    check_seconds("x", 10, 10)
    refusal(check_seconds, "x", 10.5, 10)


@pytest.mark.parametrize("value", [1, 0, None, "true"])
def test_only_a_flag_is_a_flag(value: object) -> None:
    """A value that is only truthy may be meant for another parameter."""
    check_flag("x", True)
    check_flag("x", False)
    assert refusal(check_flag, "x", value) == f"x must be True or False, not {value!r}"
