"""The tables of the README have the names, the defaults and the types of the code."""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, get_args

import attrs
import duckdb
from multidict import CIMultiDict

from lyzr_traces_async import RetryPolicy, TracesClient, errors
from lyzr_traces_async._responses import Answer, error_of
from lyzr_traces_async._retrying import Attempts
from lyzr_traces_async.bulk import TRACES_SCHEMA
from lyzr_traces_async.cli._help import COMMANDS
from lyzr_traces_async.store._file import StoreFile
from tests.readme.tables import code_in, table

# How the README writes the types of DuckDB and of Arrow.
DUCKDB: Final = {
    "VARCHAR": "text",
    "TIMESTAMP WITH TIME ZONE": "with time zone",
    "DOUBLE": "double",
    "BIGINT": "integer",
    "JSON": "JSON",
}
ARROW: Final = {
    "string": "string",
    "double": "double",
    "int64": "64-bit integer",
    "timestamp[us, tz=UTC]": "timestamp in microseconds, UTC",
}
# The bases by which a program may catch an error of the library.
BUILT_IN: Final = (ValueError, RuntimeError, TimeoutError)


def parameters(function: Callable[..., Any]) -> dict[str, Any]:
    """Return the defaults of a function's parameters."""
    return {name: one.default for name, one in inspect.signature(function).parameters.items() if name != "self"}


def test_every_call_of_the_client_is_in_the_table_with_its_parameters() -> None:
    """A default in a cell is that of the parameter; only `aclose` has no row."""
    named = set()
    for cell in (row[0] for row in table("call of `TracesClient`")):
        for call in code_in(cell):
            name, _, arguments = call.rstrip(")").partition("(")
            named.add(name)
            if arguments:
                own = parameters(getattr(TracesClient, name))
                own = {{"session_ids": "ids"}.get(key, key): default for key, default in own.items()}
                for argument in arguments.split(", "):
                    key, _, default = argument.partition("=")
                    assert key in own
                    assert not default or str(own[key]) == default
    assert named == {name for name in vars(TracesClient) if not name.startswith("_")} - {"aclose"}


def test_the_arguments_of_the_client_have_the_defaults_of_the_table() -> None:
    """A text in place of a value stands for a default of `None`, which the environment or the client fills in."""
    rows = table("argument of `TracesClient`")
    own = parameters(TracesClient.__init__)
    assert {name for row in rows for name in code_in(row[0])} == set(own)
    for argument, _, default, *_ in rows:
        value = own[code_in(argument)[0]]
        if value is None:
            assert not default or default == "its own" or default.startswith("`https://")
        elif isinstance(value, float):
            assert default == f"{value:g} s"
        else:
            assert default.strip("`") == ("RetryPolicy()" if value == RetryPolicy() else str(value))


def test_the_retry_policy_has_the_defaults_of_the_table() -> None:
    """Waits are in seconds."""
    told: dict[str, str] = {}
    for names, defaults, _ in table("field of `RetryPolicy`"):
        told |= dict(zip(code_in(names), defaults.split(", "), strict=True))
    policy = attrs.asdict(RetryPolicy())
    assert told == {name: str(value) if name == "attempts" else f"{value:g} s" for name, value in policy.items()}


def test_every_error_is_in_the_table_with_its_base_and_its_status() -> None:
    """The class in the table is the one that the status becomes. The bases of all of them have no row."""
    named = []
    for cell in (row[0] for row in table("error")):
        names = [name for name in code_in(cell) if name in errors.__all__]
        named += names
        bases = {base for name in names for base in getattr(errors, name).__mro__ if base in BUILT_IN}
        assert {base.__name__ for base in bases} == set(code_in(cell)) - set(names)
        for name, status in re.findall(r"`(\w+)` (\d(?:\d\d|xx))", cell):
            assert issubclass(getattr(errors, name), type(_error(int(status.replace("x", "0")))))
    assert sorted(named) == sorted(set(errors.__all__) - {"LyzrTracesError", "APIStatusError"})


def _error(status: int) -> errors.APIStatusError:
    found = error_of(Answer(status, CIMultiDict(), b'{"error": "no"}'), str)
    assert found is not None
    return found


def test_the_table_says_which_server_errors_never_pass() -> None:
    """The client does not retry exactly these, and their text gives other advice."""
    (row,) = [row for row in table("error") if "`ServerError`" in row[0]]
    never = set(map(int, re.findall(r"\d{3}", row[2])))
    assert never == {status for status in range(500, 600) if not Attempts(RetryPolicy()).again(_error(status))}
    assert never == {status for status in range(500, 600) if "may succeed later" not in str(_error(status))}


def test_every_command_is_in_the_table_with_its_options_and_formats() -> None:
    """No command has an option for the key or the base URL."""
    rows = table("command")
    assert {code_in(row[0])[0] for row in rows} == set(COMMANDS)
    for name, shows, formats in rows:
        command = importlib.import_module(f"lyzr_traces_async.cli._{code_in(name)[0]}").command
        annotations = inspect.get_annotations(command, eval_str=True)
        for option in (word.removeprefix("--") for word in code_in(shows) if word.startswith("--")):
            assert option in annotations
        if "format_" in annotations:
            assert formats.split(", ") == list(get_args(get_args(annotations["format_"])[0]))
        else:
            assert formats in ("", "html", "DuckDB")
        assert not [option for option in annotations if "key" in option or "url" in option]


def test_the_store_has_the_columns_of_the_table(tmp_path: Path) -> None:
    """The types that the table names are those of DuckDB."""
    path = tmp_path / "traces.duckdb"
    StoreFile(path).check()
    rows = [row for row in table("table `traces`") if row[0]]
    told: dict[str, dict[str, str]] = {"traces": {}, "sessions": {}}
    for ours, meaning, theirs, other in rows:
        told["traces"] |= dict.fromkeys(code_in(ours), meaning)
        told["sessions"] |= dict.fromkeys(code_in(theirs), other)
    with duckdb.connect(path, read_only=True) as database:
        columns = database.execute(
            "SELECT table_name, column_name, data_type, is_nullable FROM duckdb_columns() "
            "WHERE table_name IN ('traces', 'sessions')"
        ).fetchall()
        key = database.execute(
            "SELECT constraint_column_names FROM duckdb_constraints() WHERE constraint_type = 'PRIMARY KEY'"
        ).fetchall()
    for name, meanings in told.items():
        assert {column for owner, column, *_ in columns if owner == name} == set(meanings)
    types = {column: (kind, nullable) for owner, column, kind, nullable in columns if owner == "traces"}
    for column in set(types) - {"session_id", "trace_id"}:
        kind, nullable = types[column]
        assert DUCKDB[kind] in told["traces"][column]
        assert ("or null" in told["traces"][column]) is nullable
    assert [names for (names,) in key if told["sessions"][names[0]] == "the key"] == [["session_id"]]


def test_an_arrow_table_has_the_columns_of_the_table() -> None:
    """A column that may be null is not called "not null"."""
    told = {name: kind for names, kind in table("column") for name in code_in(names)}
    assert set(told) == set(TRACES_SCHEMA.names)
    for field in TRACES_SCHEMA:
        assert re.split("[;:]", told[field.name].removesuffix(", not null"))[0] == ARROW[str(field.type)]
        assert told[field.name].endswith(", not null") is not field.nullable
