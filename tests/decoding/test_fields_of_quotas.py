"""Header fields of quotas: drafts 7 and 8, and the older fields."""

from __future__ import annotations

import pytest

from lyzr_traces_async._fields import Quota, quotas
from tests.decoding.header_fields import DATE, EPOCH, draft_8, fields


def test_the_fields_of_the_service_are_read() -> None:
    """Every answer of the service has them."""
    said = draft_8('"100-in-1min"; r=57; t=31', '"100-in-1min"; q=100; w=60; pk=:MTJjYTE3YjQ5YWYy:')
    assert said == (Quota("100-in-1min", 57, 31.0, 100, 60.0),)


def test_the_names_of_fields_are_in_any_case() -> None:
    """HTTP ignores the case of field names."""
    said = fields(("ratelimit", '"a";r=1;t=2'), ("RATELIMIT-POLICY", '"a";q=3;w=4'))
    assert quotas(said) == (Quota("a", 1, 2.0, 3, 4.0),)


@pytest.mark.parametrize(
    ("limit", "policy", "expected"),
    [
        pytest.param('"a";r=0;t=0', None, [("a", 0, 0.0, None)], id="no policy"),
        pytest.param('"a";r=0;t=0', '"a";q=0;w=60', [("a", 0, 0.0, 0)], id="all zero"),
        pytest.param('"a";r=1;t=2', '"b";q=3;w=4', [("a", 1, 2.0, None)], id="a policy of another name"),
        pytest.param('"a";r=1', '"a";q=3;w=4', [("a", 1, 4.0, 3)], id="without t, as long as a window can last"),
        pytest.param('"a";r=1;t=?1', '"a";q=3;w=4', [("a", 1, 4.0, 3)], id="t is a boolean"),
        pytest.param('"a";r=1;t=-1', '"a";q=3;w=4', [("a", 1, 4.0, 3)], id="t is negative"),
        pytest.param('"a";r=1;t=tok', '"a";q=3;w=4', [("a", 1, 4.0, 3)], id="t is a token"),
        pytest.param('"a";r=1;t=@1767323045', '"a";q=3;w=4', [("a", 1, 4.0, 3)], id="t is a date"),
        pytest.param('"a";r=1;t="2"', '"a";q=3;w=4', [("a", 1, 4.0, 3)], id="t is a string"),
        pytest.param('"a";r=1;t=inf', '"a";q=3;w=4', [("a", 1, 4.0, 3)], id="t is the token inf"),
        pytest.param('"a";r=1;t=:NQ==:', '"a";q=3;w=4', [("a", 1, 4.0, 3)], id="t is bytes"),
        pytest.param('"a";r=1', '"a";q=3', [], id="neither t nor w"),
        pytest.param('"a";r=1', None, [], id="neither t nor a policy"),
        pytest.param('"a";r=1', '"a";q=3;w=-4', [], id="w is negative"),
        pytest.param('"a";r=1', '"a";q=3;w=?1', [], id="w is a boolean"),
        pytest.param('"a";t=2', '"a";q=3;w=4', [], id="no r"),
        pytest.param('"a";r=-1;t=2', None, [], id="r is negative"),
        pytest.param('"a";r=?1;t=2', None, [], id="r is a boolean"),
        pytest.param('"a";r=1.5;t=2', None, [], id="r is a fraction"),
        pytest.param('"a";r="1";t=2', None, [], id="r is a string"),
        pytest.param('"a";r;t=2', None, [], id="r has no value"),
        pytest.param('"a";r=1;t=2.5', '"a";q=3;w=4', [("a", 1, 2.5, 3)], id="t is a fraction"),
        pytest.param('"a";r=1;t=2', '"a";q=-3;w=4', [("a", 1, 2.0, None)], id="q is negative"),
        pytest.param('"a";r=1;t=2', '"a";q=?1;w=4', [("a", 1, 2.0, None)], id="q is a boolean"),
        pytest.param('"a";r=1;t=2', '"a";q=3.5;w=4', [("a", 1, 2.0, None)], id="q is a fraction"),
        pytest.param('"a";r=1;t=2', '"a";w=4', [("a", 1, 2.0, None)], id="no q"),
        pytest.param('"a";r=1;t=2', '"a', [("a", 1, 2.0, None)], id="a broken policy"),
        pytest.param("a;r=1;t=2", '"a";q=3;w=4', [("a", 1, 2.0, 3)], id="the name is a token"),
        pytest.param("7;r=1;t=2", "7;q=3;w=4", [("7", 1, 2.0, 3)], id="the name is a number"),
        pytest.param('"a";x=1;t=2;y;r=1', '"a";w=4;z="z";q=3', [("a", 1, 2.0, 3)], id="other parameters"),
        pytest.param('("a" "b");r=1;t=2', None, [], id="an inner list"),
        pytest.param('("a");r=1;t=2, "b";r=3;t=4', '("b");q=9, "b";q=5', [("b", 3, 4.0, 5)], id="beside an inner list"),
        pytest.param(
            '"a";r=1;t=2, "b";r=3;t=4', '"b";q=6;w=60, "a";q=5;w=1', [("a", 1, 2.0, 5), ("b", 3, 4.0, 6)], id="several"
        ),
        pytest.param('"a";r=1, "b";r=3;t=4', None, [("b", 3, 4.0, None)], id="one of several makes no sense"),
        pytest.param("", None, [], id="empty"),
        pytest.param("garbage garbage", None, [], id="garbage"),
        pytest.param('"a";r=1;t=2,', None, [], id="a comma at the end"),
        pytest.param('"ä";r=1;t=2', None, [], id="not ASCII"),
        pytest.param('"\udcff";r=1;t=2', None, [], id="no text"),
    ],
)
def test_draft_8(limit: str, policy: str | None, expected: list[tuple[str, int, float, int | None]]) -> None:
    """Names are arbitrary, `t` is optional, and invalid values are ignored."""
    said = draft_8(limit, policy)
    assert [(quota.name, quota.remaining, quota.reset, quota.requests) for quota in said] == expected


@pytest.mark.parametrize(
    ("limit", "policy", "expected"),
    [
        pytest.param('"a";r=1;t=2', '"a";q=3;w=60', [60.0], id="usual"),
        pytest.param('"a";r=1;t=2', '"a";q=3;w=0.5', [0.5], id="a fraction"),
        pytest.param('"a";r=1', '"a";q=3;w=60', [60.0], id="without t"),
        pytest.param('"a";r=1;t=2', '"a";w=60', [60.0], id="without q"),
        pytest.param('"a";r=1;t=2, "b";r=3;t=4', '"b";q=6;w=60, "a";q=5;w=1', [1.0, 60.0], id="several"),
        pytest.param('"a";r=1;t=2, "b";r=3;t=4', '"b";q=6;w=60', [None, 60.0], id="one of several"),
        pytest.param('"a";r=1;t=2', '"a";q=3', [None], id="no w"),
        pytest.param('"a";r=1;t=2', '"a";q=3;w=-60', [None], id="w is negative"),
        pytest.param('"a";r=1;t=2', '"a";q=3;w=?1', [None], id="w is a boolean"),
        pytest.param('"a";r=1;t=2', '"b";q=3;w=60', [None], id="a policy of another name"),
        pytest.param('"a";r=1;t=2', None, [None], id="no policy"),
        pytest.param("limit=9, remaining=5, reset=6", "9;w=60", [60.0], id="draft 7"),
        pytest.param("limit=9, remaining=5", "9;w=60", [60.0], id="draft 7 without reset"),
        pytest.param("limit=9, remaining=5, reset=6", "8;w=60", [None], id="draft 7, another's policy"),
        pytest.param("limit=9, remaining=5, reset=6", None, [None], id="draft 7 without a policy"),
    ],
)
def test_a_policy_tells_how_long_a_window_lasts(limit: str, policy: str | None, expected: list[float | None]) -> None:
    """It belongs to the quota of its name. In draft 7 that name is the number of requests."""
    assert [quota.window for quota in draft_8(limit, policy)] == expected


def test_draft_8_may_come_in_several_fields() -> None:
    """They form one list (RFC 9651, 4.2)."""
    said = fields(
        ("RateLimit", '"a";r=1;t=2'),
        ("RateLimit-Policy", '"a";q=5;w=1'),
        ("RateLimit", '"b";r=3'),
        ("RateLimit-Policy", '"b";q=6;w=60'),
    )
    assert quotas(said) == (Quota("a", 1, 2.0, 5, 1.0), Quota("b", 3, 60.0, 6, 60.0))


def test_two_quotas_of_one_name_are_two_quotas() -> None:
    """A gateway and the service behind it may use the same name. Each quota has its own policy."""
    assert draft_8('"a";r=0;t=31, "b";r=5;t=6, "a";r=99;t=2', '"a";q=3;w=60, "a";q=100;w=2') == (
        Quota("a", 0, 31.0, 3, 60.0),
        Quota("b", 5, 6.0, None),
        Quota("a (2)", 99, 2.0, 100, 2.0),
    )


@pytest.mark.parametrize(
    ("limit", "policy", "expected"),
    [
        pytest.param("limit=100, remaining=57, reset=31", None, (57, 31.0, 100), id="as it is written"),
        pytest.param("limit=100,remaining=57,reset=31", "100;w=60", (57, 31.0, 100), id="with its policy"),
        pytest.param("reset=31, remaining=57, limit=100", None, (57, 31.0, 100), id="in any order"),
        pytest.param("limit=100;w=60, remaining=0;x, reset=0", None, (0, 0.0, 100), id="with parameters"),
        pytest.param("remaining=57, reset=31", None, (57, 31.0, None), id="without a limit"),
        pytest.param("limit=9.5, remaining=57, reset=1.5", None, (57, 1.5, None), id="fractions"),
        pytest.param("limit=100, remaining=57", "100;w=60", (57, 60.0, 100), id="without reset, as long as can be"),
        pytest.param("limit=100, remaining=57", "10;w=1, 100;w=60", (57, 60.0, 100), id="of its own policy"),
        pytest.param("limit=100, remaining=57", "10;w=1", None, id="of nobody's policy"),
        pytest.param("limit=100, remaining=57", None, None, id="without reset or policy"),
        pytest.param("limit=100, reset=31", None, None, id="without remaining"),
        pytest.param("limit=100, remaining=-1, reset=31", None, None, id="less than nothing left"),
        pytest.param("limit=100, remaining=57, reset=-1", None, None, id="a reset before"),
        pytest.param("limit=100, remaining=(57), reset=31", None, None, id="an inner list"),
        pytest.param("limit=100, remaining, reset=31", None, None, id="remaining is true"),
        pytest.param(f"limit=9, remaining=5, reset={EPOCH + 31}", None, (5, 31.0, 9), id="a moment"),
        pytest.param(f"limit=9, remaining=5, reset={EPOCH + 31}500", None, (5, 31.5, 9), id="in milliseconds"),
        pytest.param("limit=100; remaining=57; reset=31", None, None, id="no dictionary"),
        pytest.param("Limit=100, Remaining=57, Reset=31", None, None, id="no keys"),
    ],
)
def test_draft_7(limit: str, policy: str | None, expected: tuple[int, float, int | None] | None) -> None:
    """It is one dictionary, in the field that later became a list."""
    said = quotas(
        fields(("RateLimit", limit), ("Date", DATE), *([] if policy is None else [("RateLimit-Policy", policy)]))
    )
    assert [(quota.remaining, quota.reset, quota.requests) for quota in said] == ([expected] if expected else [])


def test_draft_7_may_come_twice() -> None:
    """A gateway adds its own field, and each is a quota."""
    said = fields(("RateLimit", "limit=9, remaining=5, reset=6"), ("RateLimit", "limit=100, remaining=57, reset=31"))
    assert quotas(said) == (Quota("RateLimit (1)", 5, 6.0, 9), Quota("RateLimit (2)", 57, 31.0, 100))


def test_draft_7_comes_before_the_older_fields() -> None:
    """The older ones count if draft 7 is invalid."""
    older = [("RateLimit-Remaining", "3"), ("RateLimit-Reset", "4")]
    said = fields(("RateLimit", "limit=100, remaining=57, reset=31"), *older)
    assert quotas(said) == (Quota("RateLimit (1)", 57, 31.0, 100),)
    assert quotas(fields(("RateLimit", "limit=100"), *older)) == (Quota("RateLimit", 3, 4.0, None),)


@pytest.mark.parametrize("prefix", ["RateLimit", "X-RateLimit", "x-ratelimit"])
@pytest.mark.parametrize(
    ("remaining", "reset", "limit", "expected"),
    [
        ("57", "31", "100", (57, 31.0, 100)),
        ("0", "0", None, (0, 0.0, None)),
        ("57", "31.5", "100", (57, 31.5, 100)),
        ("57", "31", "100, 100;w=60", (57, 31.0, 100)),
        ("57", "31;x", "100;w=60", (57, 31.0, 100)),
        (" 57 ", " 31 ", " 100 ", (57, 31.0, 100)),
        ("57, 3", "31", "lots", (57, 31.0, None)),
        ("57", "31", "-1", (57, 31.0, None)),
        ("57", "999999999", None, (57, 999999999.0, None)),
        ("57", str(EPOCH + 31), None, (57, 31.0, None)),
        ("57", f"{EPOCH + 31}.5", None, (57, 31.5, None)),
        ("57", f"{EPOCH + 31}.123456", None, (57, pytest.approx(31.123456), None)),
        ("57", f"{EPOCH + 31}000", None, (57, 31.0, None)),
        ("57", f"{EPOCH + 31}500", None, (57, 31.5, None)),
        ("57", f"{EPOCH - 5}000", None, (57, 0.0, None)),
        ("57", str(EPOCH + 10**9), None, None),
        ("57", "9" * 400, None, None),
        ("9" * 400, "31", None, None),
        ("57", "31", "9" * 400, (57, 31.0, None)),
        ("57", str(EPOCH - 5), None, (57, 0.0, None)),
        ("57", "1000000000", None, (57, 0.0, None)),
        ("-1", "31", None, None),
        ("many", "31", None, None),
        ("5.5", "31", None, None),
        ("5.0", "31", None, (5, 31.0, None)),
        ("?1", "31", None, None),
        ("57", "-1", None, None),
        ("57", "?1", None, None),
        ("57", "soon", None, None),
        ("57", "", None, None),
        ("", "31", None, None),
        ("(57)", "31", None, None),
        ("57", "(31)", None, None),
    ],
)
def test_the_older_fields(
    prefix: str, remaining: str, reset: str, limit: str | None, expected: tuple[int, float, int | None] | None
) -> None:
    """They may have the prefix X-. A reset is a number of seconds, or a moment relative to the answer's Date."""
    pairs = [(f"{prefix}-Remaining", remaining), (f"{prefix}-Reset", reset), ("Date", DATE)]
    if limit is not None:
        pairs.append((f"{prefix}-Limit", limit))
    said = quotas(fields(*pairs))
    assert [(quota.remaining, quota.reset, quota.requests) for quota in said] == ([expected] if expected else [])


@pytest.mark.parametrize("reset", [EPOCH, EPOCH * 1000])
@pytest.mark.parametrize("date", [None, "", "yesterday", "Fri, 02 Jan 2026 99:04:05 GMT"])
def test_a_reset_that_is_a_moment_needs_a_date(date: str | None, reset: int) -> None:
    """The clocks of this machine and the server may differ."""
    pairs = [("RateLimit-Remaining", "1"), ("RateLimit-Reset", str(reset))]
    assert quotas(fields(*pairs, *([] if date is None else [("Date", date)]))) == ()


def test_of_the_older_fields_those_without_x_come_first() -> None:
    """Those with X- count if the others are invalid. Both describe one quota, so only one is used."""
    both = [("X-RateLimit-Remaining", "1"), ("X-RateLimit-Reset", "2"), ("RateLimit-Remaining", "3")]
    assert quotas(fields(*both)) == (Quota("X-RateLimit", 1, 2.0, None),)
    assert quotas(fields(*both, ("RateLimit-Reset", "4"))) == (Quota("RateLimit", 3, 4.0, None),)


def test_draft_8_comes_before_the_older_fields() -> None:
    """The older ones count if draft 8 is invalid."""
    older = [("RateLimit-Remaining", "3"), ("RateLimit-Reset", "4")]
    assert quotas(fields(("RateLimit", '"a";r=1;t=2'), *older)) == (Quota("a", 1, 2.0, None),)
    assert quotas(fields(("RateLimit", "nonsense !"), *older)) == (Quota("RateLimit", 3, 4.0, None),)


def test_incomplete_fields_give_no_quota() -> None:
    """A policy alone is not enough, and neither is one half of the older pair."""
    assert quotas(fields()) == ()
    assert quotas(fields(("RateLimit-Policy", '"a";q=3;w=4'))) == ()
    assert quotas(fields(("RateLimit-Remaining", "3"))) == ()
    assert quotas(fields(("RateLimit-Reset", "3"))) == ()
