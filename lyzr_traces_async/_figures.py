"""Exact sums, exact percentiles, and the items with the largest values. Pure."""

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
    """The items with the largest values. If values are equal, the item that came first stays.

    :param size: how many items to keep.
    """

    __slots__ = ("_heap", "_size", "bar")

    bar: float
    """Only an item with a larger value is kept."""

    def __init__(self, size: int) -> None:
        self._heap: list[tuple[float, int, _T]] = []
        self._size = size
        self.bar = -math.inf if size else math.inf

    def take(self, value: float, place: int, item: _T) -> None:
        """Add an item whose value is above the bar. If the collection is full, it replaces the smallest item.

        :param place: a number larger than that of every earlier item, so that Python never compares two items.
        """
        entry = (value, -place, item)
        if len(self._heap) < self._size:
            heappush(self._heap, entry)
        else:
            heapreplace(self._heap, entry)
        if len(self._heap) == self._size:
            self.bar = self._heap[0][0]

    def items(self) -> tuple[_T, ...]:
        """Return the items, largest value first."""
        return tuple(item for _, _, item in sorted(self._heap, reverse=True))


def percentile(ordered: Sequence[float], percent: int) -> float:
    """Return the smallest of sorted values such that at least ``percent`` % are not larger (nearest rank)."""
    # Round up with integers: a product of floats may be slightly more than the exact whole number.
    return ordered[-(-percent * len(ordered) // 100) - 1]


def sum_of(parts: Sequence[Iterable[float]]) -> float:
    """Return the sum of the finite numbers in all parts, rounded once; an infinity if no float is that large.

    :param parts: iterables that can be iterated over more than once.
    """
    try:
        return math.fsum(chain.from_iterable(parts))
    except OverflowError:  # of a partial sum or of the result: `fsum` does not say which
        exact = _fraction(chain.from_iterable(parts))
    try:
        return float(exact)
    except OverflowError:
        return math.inf if exact > 0 else -math.inf


def _fraction(values: Iterable[float]) -> Fraction:
    # Add integers of the same exponent first: adding a million fractions takes ten times as long.
    mantissas: defaultdict[int, int] = defaultdict(int)
    for value in values:
        mantissa, exponent = math.frexp(value)
        mantissas[exponent] += int(mantissa * 2**53)
    return sum((total * Fraction(2) ** (exponent - 53) for exponent, total in mantissas.items()), Fraction())
