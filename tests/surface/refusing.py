"""A session id, and a helper for arguments that must be refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import pytest

from lyzr_traces_async.errors import InvalidArgumentError

ID: Final = "3fa85f64-5717-4562-b3fc-2c963f66afa6"


def refusal(check: Callable[..., object], *arguments: Any, **keywords: Any) -> str:
    """Call a check that must refuse its arguments, and return the text of the error."""
    with pytest.raises(InvalidArgumentError) as caught:
        check(*arguments, **keywords)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    return str(caught.value)
