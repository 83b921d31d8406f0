"""Header fields for tests, with a date and the same moment as a number."""

from __future__ import annotations

from typing import Final

from multidict import CIMultiDict

from lyzr_traces_async._fields import Quota, quotas

DATE: Final = "Fri, 02 Jan 2026 03:04:05 GMT"
EPOCH: Final = 1767323045  # the same moment


def fields(*pairs: tuple[str, str]) -> CIMultiDict[str]:
    """Return header fields."""
    return CIMultiDict(pairs)


def draft_8(limit: str, policy: str | None = None) -> tuple[Quota, ...]:
    """Return the quotas of the two header fields of draft 8."""
    pairs = [("RateLimit", limit)] + ([] if policy is None else [("RateLimit-Policy", policy)])
    return quotas(fields(*pairs))
