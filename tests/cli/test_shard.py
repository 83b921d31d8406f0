"""Which of several hosts reads a session."""

from __future__ import annotations

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lyzr_traces_async import InvalidArgumentError
from lyzr_traces_async.cli._shard import Shard

SESSION = "3fa85f64-5717-4562-b3fc-2c963f66afa6"


@given(st.sets(st.uuids().map(str) | st.text()), st.integers(1, 50))
def test_each_session_belongs_to_exactly_one_part(ids: set[str], of: int) -> None:
    """This holds for any ids and any number of hosts."""
    parts = [{one for one in ids if Shard(number, of).has(one)} for number in range(1, of + 1)]
    assert set().union(*parts) == ids
    assert sum(map(len, parts)) == len(ids)


def test_a_session_always_belongs_to_the_same_part() -> None:
    """The expected parts are fixed here, so they hold in every version, on every machine and in every process."""
    assert [number for number in (1, 2, 3, 4) if Shard(number, 4).has(SESSION)] == [4]
    assert [number for number in (1, 2, 3, 4) if Shard(number, 4).has(SESSION.upper())] == [3]


def test_consecutive_ids_are_spread_evenly() -> None:
    """Ids made from the time are consecutive. Each of eight hosts gets its share, give or take a quarter."""
    ids = [str(UUID(int=0x0190_0000_0000_7000_8000_0000_0000_0000 + number * 8)) for number in range(8000)]
    assert all(750 <= sum(map(Shard(number, 8).has, ids)) <= 1250 for number in range(1, 9))


@pytest.mark.parametrize(("text", "part"), [("1/1", Shard(1, 1)), (" 2/4\n", Shard(2, 4)), ("012/12", Shard(12, 12))])
def test_a_part_is_written_as_a_fraction(text: str, part: Shard) -> None:
    """Parts are counted from 1."""
    assert Shard.parsed("--shard", text) == part


@pytest.mark.parametrize(
    "text",
    ["", "2", "0/4", "5/4", "1/0", "0/0", "-1/4", "1/-4", "1/4/2", "1 / 4", "a/b", "\u0661/4", "1/1234567"],
)
def test_a_malformed_part_is_refused(text: str) -> None:
    """The error names the option, gives examples, and repeats the argument."""
    with pytest.raises(InvalidArgumentError) as caught:
        Shard.parsed("--shard", text)
    assert caught.value.message == (
        f"--shard must be a part and the number of parts, such as 1/4, 2/4, 3/4 and 4/4 on four hosts, not {text!r}"
    )
