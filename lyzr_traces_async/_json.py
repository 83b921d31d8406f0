"""JSON, as whoever sends it may write it. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final, TypeVar

import msgspec

__all__ = ["read_json", "read_mended"]

_T = TypeVar("_T")

_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_ESCAPE: Final = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(?P<half>u[dD][89a-fA-F][0-9a-fA-F]{2})|.)",
    re.DOTALL,
)

_decode: Final = msgspec.json.Decoder().decode


def read_json(body: bytes) -> Any:
    """Read any JSON text (RFC 8259).

    :raises msgspec.MsgspecError: if it is none, or has a number that is out of range.
    :raises UnicodeDecodeError: if it is not in UTF-8.
    :raises RecursionError: if it is nested too deeply.
    """
    return read_mended(body, _decode)


def read_mended(body: bytes, decode: Callable[[bytes], _T]) -> _T:
    """Read a JSON text, if need be without what stands for no character.

    :param decode: reads it, and raises as :func:`read_json` does.
    """
    # Whoever reads may ignore it (8.1).
    body = body.removeprefix(_BYTE_ORDER_MARK)
    try:
        return decode(body)
    except msgspec.DecodeError:
        # Half of a surrogate pair is within the grammar (8.2), and what JavaScript writes of a text that was cut in the
        # middle of an emoji. It stands for no character.
        mended = _ESCAPE.sub(lambda escape: rb"\ufffd" if escape["half"] else escape[0], body)
        if mended == body:
            raise
        return decode(mended)
