"""Sums, percentiles and the largest few of many numbers, all of them exact. Pure."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from fractions import Fraction
from heapq import heappush, heapreplace
from itertools import chain
from typing import Generic, TypeVar

__all__ = ["Top", "percentile", "sum_of"]

_T = TypeVar("_T")


class Top(Generic[_T]):
    """The items with the largest values; of equal ones the first.

    :param size: how many items to keep.
    :ivar bar: what a value has to be above for its item to be kept.
    """

    __slots__ = ("_heap", "_size", "bar")

    def __init__(self, size: int) -> None:
        self._heap: list[tuple[float, int, _T]] = []
        self._size = size
        self.bar = -math.inf if size else math.inf

    def take(self, value: float, place: int, item: _T) -> None:
        """Take in an item whose value is above the bar, in place of the least one where there are enough.

        :param place: larger than those of all items before, and never the same, so that items are not compared.
        """
        entry = (value, -place, item)
        if len(self._heap) < self._size:
            heappush(self._heap, entry)
        else:
            heapreplace(self._heap, entry)
        if len(self._heap) == self._size:
            self.bar = self._heap[0][0]

    def items(self) -> tuple[_T, ...]:
        """Return the items, the one with the largest value first."""
        return tuple(item for _, _, item in sorted(self._heap, reverse=True))


def percentile(ordered: Sequence[float], percent: int) -> float:
    """Return the least of sorted values such that at least ``percent`` % of them are not larger (nearest rank)."""
    # Rounded up in integers, since a product of floats may be a little more than the whole number it should be.
    return ordered[-(-percent * len(ordered) // 100) - 1]


def sum_of(parts: Sequence[Iterable[float]]) -> float:
    """Return the sum of the finite numbers in all parts, rounded once; an infinity where no float is as large.

    :param parts: each of them can be gone through more than once.
    """
    try:
        return math.fsum(chain.from_iterable(parts))
    except OverflowError:  # on the way or at the end: `fsum` doesn't say
        exact = _fraction(chain.from_iterable(parts))
    try:
        return float(exact)
    except OverflowError:
        return math.inf if exact > 0 else -math.inf


def _fraction(values: Iterable[float]) -> Fraction:
    # Added up as integers of the same exponent: a sum of a million fractions takes ten times as long.
    mantissas: defaultdict[int, int] = defaultdict(int)
    for value in values:
        mantissa, exponent = math.frexp(value)
        mantissas[exponent] += int(mantissa * 2**53)
    return sum((total * Fraction(2) ** (exponent - 53) for exponent, total in mantissas.items()), Fraction())
