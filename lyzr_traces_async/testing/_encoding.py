"""Encode models as the service sends them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import attrs
import msgspec

from ..errors import InvalidArgumentError
from ..models import Observation, SessionInfo, Trace, TraceDetail

_encoder = msgspec.json.Encoder()


def encode(model: Trace | TraceDetail | Observation | SessionInfo, words: str, **fields: Any) -> bytes:
    """Return a model as JSON with the service's names. ``extra`` adds fields, or replaces those of the same name.

    :param words: the name of the model in error texts.
    :param fields: fields to add, or to replace those of the same name.
    :raises InvalidArgumentError: if the model can't be sent.
    """
    for field in attrs.fields(type(model)):
        value = getattr(model, field.name)
        if isinstance(value, datetime) and value.utcoffset() is None:
            raise InvalidArgumentError(f"the {field.name} of {words} must have a time zone")
    try:
        return _encoder.encode(model.to_dict() | fields | dict(model.extra))
    except (TypeError, ValueError, OverflowError, RecursionError, msgspec.MsgspecError) as error:
        raise InvalidArgumentError(f"{words} can't be sent as JSON: {error}") from error
