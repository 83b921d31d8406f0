"""Every way in which an error is shown: text, attributes, pickle, and tracebacks with the values of variables."""

from __future__ import annotations

import json
import pickle
import traceback
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType

from rich.pretty import pretty_repr
from rich.traceback import Traceback

TESTS = str(Path(__file__).parents[2])


def check_hidden(error: BaseException, secret: str) -> None:
    """Look for a secret in everything that is shown of an error."""
    check_texts(error, secret)
    check_variables(error, secret)


def check_texts(error: BaseException, secret: str) -> None:
    """Look for a secret in the texts, the attributes, the pickle and the traceback of an error and of its causes."""
    _check(_texts(error), secret)


def check_variables(error: BaseException, secret: str) -> None:
    """Look for a secret in the variables of all frames of the client and of the libraries below it."""
    variables = list(_variables(error))
    assert variables
    _check(variables, secret)
    _check(_variables_by_rich(error), secret)


def all_errors(error: BaseException) -> Iterator[BaseException]:
    """Yield an exception and all exceptions that it leads to."""
    pending: list[BaseException | None] = [error]
    seen: set[int] = set()
    while pending:
        each = pending.pop()
        if each is None or id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        pending += [each.__cause__, each.__context__, *getattr(each, "exceptions", ())]


def _check(shown: Iterator[tuple[str, str]] | list[tuple[str, str]], secret: str) -> None:
    forms = {secret, repr(secret)[1:-1], json.dumps(secret)[1:-1]}
    found = []
    for where, text in shown:
        for form in forms:
            before, match, after = text.partition(form)
            if match:
                found.append(f"{where}: ...{before[-60:]}{form}{after[:20]}...")
    assert found == []


def _texts(error: BaseException) -> Iterator[tuple[str, str]]:
    """Yield each text, and where a user, a debugger or an error reporting service shows it."""
    for each in all_errors(error):
        kind = type(each).__name__
        notes = getattr(each, "__notes__", ())
        yield f"the text of {kind}", f"{each}\n{each!r}\n{each.args!r}\n{vars(each)!r}\n{notes!r}"
        for name in dir(each):
            if not name.startswith("__"):
                value = getattr(each, name, None)
                items = dict(value) if isinstance(value, Mapping) else ""
                yield f"{kind}.{name}", f"{value}\n{value!r}\n{items}"
        lines = traceback.TracebackException(type(each), each, _from_the_client_on(each), capture_locals=True).format()
        yield f"the traceback of {kind}", "".join(lines)
    yield f"{type(error).__name__}, pickled", pickle.dumps(error).decode(errors="replace")


def _from_the_client_on(error: BaseException) -> TracebackType | None:
    """Return the traceback without the frames of the test, which knows the secret."""
    frames = error.__traceback__
    while frames is not None and frames.tb_frame.f_code.co_filename.startswith(TESTS):
        frames = frames.tb_next
    return frames


def _variables(error: BaseException) -> Iterator[tuple[str, str]]:
    """Yield each variable of every frame outside of the tests, in the ways that renderers write it."""
    rendered: dict[int, tuple[object, str]] = {}
    for each in all_errors(error):
        traced = each.__traceback__
        while traced is not None:
            code = traced.tb_frame.f_code
            if not code.co_filename.startswith(TESTS):
                for name, value in traced.tb_frame.f_locals.items():
                    if id(value) not in rendered:
                        rendered[id(value)] = (value, _rendered(value))
                    yield f"{code.co_qualname}: {name}", rendered[id(value)][1]
            traced = traced.tb_next


def _rendered(value: object) -> str:
    """Return a variable as renderers write it, among them those that read the characters of a subclass of `str`."""
    whole = f"{value!r}\n{value!s}\n{pretty_repr(value)}"
    return f"{whole}\n{''.join(value)}\n{value[:1000]}" if isinstance(value, str) else whole


def _variables_by_rich(error: BaseException) -> Iterator[tuple[str, str]]:
    """Yield the variables that rich's tracebacks show. The source lines are left out, since colouring them is slow."""
    for each in all_errors(error):
        frames = _from_the_client_on(each)
        trace = Traceback.extract(type(each), each, frames, show_locals=True, locals_max_string=10_000)
        for stack in trace.stacks:
            notes = getattr(stack, "notes", ())  # shown since rich 14
            yield f"rich, {stack.exc_type}", f"{stack.exc_value}\n{notes}"
            for frame in stack.frames:
                for name, node in (frame.locals or {}).items():
                    yield f"rich, {frame.name}: {name}", node.render(max_width=10_000)
