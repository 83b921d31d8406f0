"""Arbitrary header fields raise nothing and give no negative numbers."""

from __future__ import annotations

import math
import os
from typing import Final

from hypothesis import given, settings
from hypothesis import strategies as st

from lyzr_traces_async._fields import Quota, quotas, retry_after
from tests.decoding.header_fields import DATE, EPOCH, draft_8, fields

EXAMPLES: Final = int(os.environ.get("HYPOTHESIS_EXAMPLES", "100"))
reading = settings(max_examples=EXAMPLES, deadline=None)
NAMES: Final = [
    "RateLimit",
    "RateLimit-Policy",
    *(f"{prefix}RateLimit-{what}" for prefix in ("", "X-") for what in ("Remaining", "Reset", "Limit")),
    "Retry-After",
    "Date",
]
odd_texts = st.one_of(
    st.text(max_size=30),
    st.text('"ab();,=?:@rtqw0123456789.- ', max_size=30),
    st.text("FriJan026304:5+-GMT, ", max_size=30),
    st.from_regex(r'"a";(r|t|q|w)=-?[0-9.?:@"]{1,17};(r|t|q|w)=-?[0-9]{1,17}', fullmatch=True),
    st.from_regex(r"[A-Z][a-z]{2}, [0-9]{1,3} [A-Z][a-z]{2} [0-9]{1,6} [0-9]{1,3}:[0-9:]{1,6} [+-]?[0-9A-Z]{1,6}"),
    st.integers().map(str),
    st.floats().map(str),
    st.sampled_from([DATE, '"a";r=1;t=2', '"a";q=3;w=4', str(EPOCH), "31", "9" * 15]),
)


@reading
@given(st.lists(st.tuples(st.sampled_from(NAMES), odd_texts), max_size=10))
def test_arbitrary_fields_never_raise_and_never_give_a_negative_number(pairs: list[tuple[str, str]]) -> None:
    """The texts come from a server that may send anything."""
    said = fields(*pairs)
    for quota in quotas(said):
        assert type(quota.name) is str
        assert type(quota.remaining) is int
        assert quota.remaining >= 0
        assert type(quota.reset) is float
        assert 0 <= quota.reset < math.inf
        assert quota.requests is None or quota.requests >= 0
    wait = retry_after(said)
    assert wait is None or wait >= 0
    assert type(wait) in (float, type(None))


@reading
@given(
    st.dictionaries(
        st.text("abcdefgh-0123456789 ", min_size=1),
        st.tuples(st.integers(0, 10**9), st.integers(0, 10**6), st.integers(0, 10**9)),
        min_size=1,
        max_size=4,
    )
)
def test_well_formed_quotas_are_read_as_they_were_written(written: dict[str, tuple[int, int, int]]) -> None:
    """There may be any number of them, under any names."""
    limit = ", ".join(f'"{name}";r={r};t={t}' for name, (r, t, _) in written.items())
    policy = ",".join(f'"{name}";q={q};w={t + 1}' for name, (_, t, q) in written.items())
    expected = tuple(Quota(name, r, float(t), q, float(t + 1)) for name, (r, t, q) in written.items())
    assert draft_8(limit, policy) == expected


usual_texts = st.one_of(
    odd_texts,
    st.builds(
        '"{}";{}r={};{}t={}'.format,
        st.text(st.characters(min_codepoint=30, max_codepoint=128), max_size=6),
        st.sampled_from(["", " ", "  ", "\t"]),
        st.integers(0, 10**16) | st.sampled_from(["00", "007", "1.0", "-1"]),
        st.sampled_from(["", " ", "  ", "\t"]),
        st.integers(0, 10**11) | st.sampled_from(["00", "007", "1.5", "-1"]),
    ),
)


@reading
@given(usual_texts, st.none() | st.just('"a";q=3;w=4') | odd_texts)
def test_the_fast_path_reads_the_same_as_the_parser(limit: str, policy: str | None) -> None:
    """The usual spelling takes the fast path. Two trailing spaces, which mean nothing, force the parser."""
    assert draft_8(limit, policy) == draft_8(limit + "  ", policy)
