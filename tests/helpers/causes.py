"""The causes of an error, and the rules that hold for them."""

from __future__ import annotations

from collections.abc import Iterator

import aiohttp
import tenacity


def chain(error: BaseException | None, *, causes_only: bool = False) -> Iterator[BaseException]:
    """Yield an exception and all its causes and contexts."""
    while error is not None:
        yield error
        if not causes_only and error.__context__ is not None and error.__context__ is not error.__cause__:
            yield from chain(error.__context__)
        error = error.__cause__


def check_chain(error: BaseException) -> None:
    """Check that libraries underneath appear as causes only, and that no exception holds the request."""
    for each in chain(error):
        assert not isinstance(each, aiohttp.ClientResponseError | tenacity.RetryError)
        assert not hasattr(each, "request_info")
        context = each.__context__
        assert context is each.__cause__ or not type(context).__module__.startswith(("aiohttp", "tenacity", "anyio"))
