"""Models as the service sends them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import attrs
import msgspec

from ..errors import InvalidArgumentError
from ..models import Observation, SessionInfo, Trace, TraceDetail

_encoder = msgspec.json.Encoder()


def encode(model: Trace | TraceDetail | Observation | SessionInfo, words: str, **fields: Any) -> bytes:
    """A model as JSON, with the service's names. Fields of ``extra`` come beside them, or in place of them.

    :param words: what an error calls the model.
    :param fields: what comes beside the model's own fields, or in place of them.
    :raises InvalidArgumentError: if it cannot be sent.
    """
    for field in attrs.fields(type(model)):
        value = getattr(model, field.name)
        if isinstance(value, datetime) and value.utcoffset() is None:
            raise InvalidArgumentError(f"the {field.name} of {words} must be aware, that is, have a time zone")
    try:
        return _encoder.encode(model.to_dict() | fields | dict(model.extra))
    except (TypeError, ValueError, OverflowError, RecursionError, msgspec.MsgspecError) as error:
        raise InvalidArgumentError(f"{words} cannot be sent as JSON: {error}") from error
