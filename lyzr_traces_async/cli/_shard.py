"""Which of several hosts reads a session. Pure."""

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
    """One of several parts that sessions are divided into; each session belongs to exactly one.

    :ivar number: counted from 1.
    :ivar of: how many there are.
    """

    number: int
    of: int

    @classmethod
    def parsed(cls, option: str, text: str) -> Self:
        """Read ``2/4``, the second of four.

        :param option: what it was given for.
        :raises InvalidArgumentError: if there is no such part.
        """
        found = _FORM.fullmatch(text.strip())
        number, of = (int(found[1]), int(found[2])) if found else (0, 0)
        if not 1 <= number <= of:
            raise InvalidArgumentError(
                f"{option} takes which part of how many: 1/4, 2/4, 3/4 and 4/4 on four hosts; not {text!r}"
            )
        return cls(number, of)

    def has(self, session_id: str) -> bool:
        """Tell whether a session belongs to this part; on every machine and in every version alike.

        It depends on the id as the service writes it, since to the service another spelling is another session. A
        hash, since ids may be made of the time, and so be all but consecutive numbers.
        """
        return int.from_bytes(sha256(session_id.encode()).digest()) % self.of == self.number - 1
