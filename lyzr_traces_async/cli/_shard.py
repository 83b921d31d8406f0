"""The division of sessions among several hosts. Pure."""

from __future__ import annotations

import re
from hashlib import sha256
from typing import Self

from attrs import frozen

from lyzr_traces_async import InvalidArgumentError

__all__ = ["Shard"]

_FORM = re.compile("([0-9]{1,6})/([0-9]{1,6})")


@frozen
class Shard:
    """One part of the sessions. Each session belongs to exactly one part.

    :ivar number: the number of this part, counted from 1.
    :ivar of: how many parts there are.
    """

    number: int
    of: int

    @classmethod
    def parsed(cls, option: str, text: str) -> Self:
        """Parse a text such as ``2/4``, the second of four parts.

        :param option: the option's name, for the error.
        :raises InvalidArgumentError: if the text does not name a part.
        """
        found = _FORM.fullmatch(text.strip())
        number, of = (int(found[1]), int(found[2])) if found else (0, 0)
        if not 1 <= number <= of:
            raise InvalidArgumentError(
                f"{option} must be a part and the number of parts, such as 1/4, 2/4, 3/4 and 4/4 on four hosts, "
                f"not {text!r}"
            )
        return cls(number, of)

    def has(self, session_id: str) -> bool:
        """Return whether a session belongs to this part. The answer is the same on every machine and in every version.

        The answer depends on the exact spelling of the id, because the service takes another spelling for another
        session. The id is hashed, because ids can be made from the time and be almost consecutive numbers.
        """
        return int.from_bytes(sha256(session_id.encode()).digest()) % self.of == self.number - 1
