"""A JSON reader that accepts everything that RFC 8259 allows. Pure."""

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

    :raises msgspec.MsgspecError: if ``body`` is not JSON, or has a number that is out of range.
    :raises UnicodeDecodeError: if ``body`` is not UTF-8.
    :raises RecursionError: if ``body`` is nested too deeply.
    """
    return read_mended(body, _decode)


def read_mended(body: bytes, decode: Callable[[bytes], _T]) -> _T:
    """Read a JSON text. Replace each half of a surrogate pair with U+FFFD if the text can't be read otherwise.

    :param decode: the function that reads the text. It must raise as :func:`read_json` does.
    """
    # RFC 8259, 8.1: a reader may ignore the byte order mark.
    body = body.removeprefix(_BYTE_ORDER_MARK)
    try:
        return decode(body)
    except msgspec.DecodeError:
        # The grammar allows half of a surrogate pair (RFC 8259, 8.2), but msgspec refuses it. JavaScript writes one
        # when it cuts a text in the middle of an emoji. It represents no character.
        mended = _ESCAPE.sub(lambda escape: rb"\ufffd" if escape["half"] else escape[0], body)
        if mended == body:
            raise
        return decode(mended)
