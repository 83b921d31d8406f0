"""Edges of reading answers: which statuses show an accepted key, moments in place of seconds, what is light."""

from __future__ import annotations

import pytest
from multidict import CIMultiDict

from lyzr_traces_async import ResponseDecodeError
from lyzr_traces_async._fields import quotas, retry_after
from lyzr_traces_async._responses import Answer, key_is_accepted
from lyzr_traces_async._siblings import light_parts
from tests.decoding.test_siblings import OBSERVATION, detail


@pytest.mark.parametrize(
    ("status", "accepted"),
    [(200, True), (201, False), (400, True), (401, False), (403, False), (404, True), (405, False), (429, False)],
)
def test_only_some_answers_show_that_the_key_was_accepted(status: int, *, accepted: bool) -> None:
    """A page, a bad request or an unknown session; anything else may come from before the key is looked at."""
    assert key_is_accepted(Answer(status, CIMultiDict(), b"")) is accepted


def test_a_quota_may_name_the_moment_when_its_window_ends() -> None:
    """It is read against the answer's own date."""
    fields = CIMultiDict({"RateLimit": '"q";r=1;t=1767225660', "Date": "Thu, 01 Jan 2026 00:00:00 GMT"})
    assert [quota.reset for quota in quotas(fields)] == [60.0]


@pytest.mark.usefixtures("tokyo")
def test_a_date_without_a_zone_is_utc_wherever_the_client_is() -> None:
    """The form of C's asctime() names none."""
    fields = CIMultiDict({"Retry-After": "Thu Jan  1 00:01:00 2026", "Date": "Thu, 01 Jan 2026 00:00:00 GMT"})
    assert retry_after(fields) == 60.0


@pytest.mark.parametrize(("length", "read"), [(4096, True), (4097, False)])
def test_an_unknown_field_of_a_session_is_read_up_to_four_kilobytes(length: int, *, read: bool) -> None:
    """Counted as it stands in the answer, with its quotation marks."""
    value = "x" * (length - 2)
    document = light_parts(b'{"items": [{"new": "%b"}]}' % value.encode())
    assert document == {"items": [{"new": value} if read else {}]}


def test_a_problem_keeps_the_whole_name_that_it_quotes() -> None:
    """A name may look like the place of the problem."""
    usage = {"observations": [OBSERVATION | {"usageDetails": {"a @ b": "x"}}]}
    with pytest.raises(ResponseDecodeError) as caught:
        detail(**usage)
    assert caught.value.problems == (
        "trace.observations[0].usageDetails: expected numbers only, got a string for 'a @ b'",
    )
