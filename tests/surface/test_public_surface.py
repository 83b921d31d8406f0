"""The names that users import, and their signatures."""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.resources
import inspect
import pkgutil
import types
from collections.abc import Callable
from typing import Any, Final

import attrs
import pytest

import lyzr_traces_async
from lyzr_traces_async import RetryPolicy, TracesClient, errors, models, summary

ID: Final = "session_id: str | UUID"
IDS: Final = "session_ids: Iterable[str | UUID | SessionInfo] | AsyncIterable[str | UUID | SessionInfo]"
WALK: Final = "limit: int = 100, start_page: int = 1, prefetch: int = 8"
MANY: Final = "AbstractAsyncContextManager[AsyncIterator[SessionTraces]]"

SIGNATURES: Final[dict[str, tuple[Callable[..., Any], str]]] = {
    "__init__": (
        TracesClient.__init__,
        (
            "(self, api_key: str | None = None, *, base_url: str | URL | None = None, timeout: float = 45.0, "
            f"retry: RetryPolicy = {RetryPolicy()!r}, max_concurrency: int = 8, "
            "session: aiohttp.ClientSession | None = None, allow_http: bool = False) -> None"
        ),
    ),
    "__aenter__": (TracesClient.__aenter__, "(self) -> Self"),
    "aclose": (TracesClient.aclose, "(self) -> None"),
    "list_session_traces": (
        TracesClient.list_session_traces,
        f"(self, {ID}, *, page: int = 1, limit: int = 100) -> TracePage",
    ),
    "iter_session_traces": (
        TracesClient.iter_session_traces,
        f"(self, {ID}, *, {WALK}) -> AsyncGenerator[Trace, None]",
    ),
    "iter_session_pages": (
        TracesClient.iter_session_pages,
        f"(self, {ID}, *, {WALK}) -> AsyncGenerator[TracePage, None]",
    ),
    "stream_sessions": (
        TracesClient.stream_sessions,
        f"(self, {IDS}, *, limit: int = 100, concurrency: int = 8) -> {MANY}",
    ),
    "get_trace": (TracesClient.get_trace, f"(self, {ID}, trace_id: str) -> TraceDetail"),
    "iter_sessions": (
        TracesClient.iter_sessions,
        (
            "(self, *, agent_id: str | None = None, since: datetime | date | None = None, "
            "until: datetime | date | None = None) -> AsyncGenerator[SessionInfo, None]"
        ),
    ),
    "with_options": (
        TracesClient.with_options,
        "(self, *, timeout: float | None = None, retry: RetryPolicy | None = None) -> Self",
    ),
}
FIELDS: Final = {
    "Trace": {
        "trace_id": "str",
        "name": "str | None",
        "session_id": "str | None",
        "timestamp": "datetime",
        "latency_seconds": "float | None",
        "total_cost_usd": "float | None",
        "observation_count": "int",
        "html_path": "str | None",
        "extra": "Mapping[str, Any]",
    },
    "Pagination": {"page": "int", "limit": "int", "total_items": "int", "total_pages": "int"},
    "TracePage": {"traces": "tuple[Trace, ...]", "pagination": "Pagination"},
    "SessionTraces": {"session_id": "str", "error": "LyzrTracesError | None", "_traces": "tuple[Trace, ...]"},
    "SessionInfo": {
        "session_id": "str",
        "room_name": "str",
        "agent_id": "str | None",
        "close_reason": "str | None",
        "started_at": "datetime",
        "ended_at": "datetime",
        "duration_ms": "int | None",
        "message_count": "int",
        "extra": "Mapping[str, Any]",
    },
    "TraceDetail": {
        "trace_id": "str",
        "name": "str | None",
        "session_id": "str | None",
        "timestamp": "datetime",
        "latency_seconds": "float | None",
        "total_cost_usd": "float | None",
        "html_path": "str | None",
        "observations": "tuple[Observation, ...]",
        "extra": "Mapping[str, Any]",
    },
    "Observation": {
        "id": "str",
        "type": "str",
        "start_time": "datetime",
        "trace_id": "str | None",
        "parent_observation_id": "str | None",
        "name": "str | None",
        "level": "str | None",
        "status_message": "str | None",
        "model": "str | None",
        "environment": "str | None",
        "end_time": "datetime | None",
        "completion_start_time": "datetime | None",
        "model_parameters": "Mapping[str, Any] | None",
        "input": "Any",
        "output": "Any",
        "metadata": "Any",
        "usage_details": "Mapping[str, float]",
        "cost_details": "Mapping[str, float]",
        "extra": "Mapping[str, Any]",
    },
    "ObservationNode": {"observation": "Observation", "children": "tuple[ObservationNode, ...]"},
    "ClientStats": {
        "requests": "int",
        "retries": "int",
        "rate_limited": "int",
        "seconds_paced": "float",
        "duplicates_dropped": "int",
        "pages_reread": "int",
    },
    "QuotaState": {
        "requests": "int | None",
        "remaining": "int",
        "resets_in": "float",
        "window_seconds": "float | None",
    },
    "RetryPolicy": {
        "attempts": "int",
        "wait_initial": "float",
        "wait_max": "float",
        "wait_jitter": "float",
        "max_rate_limit_wait": "float",
    },
}
# importing `__main__` runs the command line
MODULES: Final = [
    module.name
    for module in pkgutil.walk_packages(lyzr_traces_async.__path__, "lyzr_traces_async.")
    if not module.name.endswith("__main__")
]


def test_the_root_exports_its_public_names() -> None:
    """They are sorted and unique, and none is a module."""
    exported = lyzr_traces_async.__all__
    assert exported == sorted(set(exported))
    assert set(exported) == {"__version__"} | {
        name
        for name in dir(lyzr_traces_async)
        if not name.startswith("_") and not isinstance(getattr(lyzr_traces_async, name), types.ModuleType)
    }


def test_the_root_exports_the_client_all_models_the_summary_and_all_errors() -> None:
    """Users need no import from a submodule, except for their tests."""
    modules = (models, summary, errors)
    names = {name for module in modules for name in module.__all__}
    assert set(lyzr_traces_async.__all__) == {"__version__", "TracesClient", *names}
    for module in modules:
        for name in module.__all__:
            assert getattr(lyzr_traces_async, name) is getattr(module, name)


@pytest.mark.parametrize("name", MODULES)
def test_each_module_lists_its_exports(name: str) -> None:
    """The list is sorted and has only names that exist."""
    module = importlib.import_module(name)
    if not hasattr(module, "__all__"):
        assert name.startswith(("lyzr_traces_async.testing.", "lyzr_traces_async._version"))
        return
    constants_then_classes = sorted(module.__all__, key=lambda name: (not name.isupper(), name[0].islower(), name))
    assert module.__all__ == constants_then_classes
    for exported in module.__all__:
        assert hasattr(module, exported)


@pytest.mark.parametrize("name", SIGNATURES)
def test_the_client_has_its_documented_signatures(name: str) -> None:
    """Names, order, defaults and types are public."""
    method, expected = SIGNATURES[name]
    assert str(inspect.signature(method)).replace("'", "") == expected.replace("'", "")


def test_the_client_has_no_other_public_attributes() -> None:
    """Every public attribute must be kept later."""
    public = {name for name in vars(TracesClient) if not name.startswith("_")}
    assert public == {name for name in SIGNATURES if not name.startswith("_")} | {"quota", "stats"}
    for name, returned in (("stats", "ClientStats"), ("quota", "QuotaState | None")):
        made = vars(TracesClient)[name]
        assert isinstance(made, property)
        assert made.fget is not None
        assert made.fget.__annotations__ == {"return": returned}
    assert inspect.iscoroutinefunction(TracesClient.list_session_traces)
    assert inspect.iscoroutinefunction(TracesClient.aclose)


@pytest.mark.parametrize("name", models.__all__)
def test_a_model_has_its_documented_fields(name: str) -> None:
    """Their order and types are public."""
    model = getattr(models, name)
    assert inspect.get_annotations(model) == FIELDS[name]
    assert list(attrs.fields_dict(model)) == list(FIELDS[name])


@pytest.mark.parametrize("name", [name for name in lyzr_traces_async.__all__ if name != "__version__"])
def test_each_public_name_is_documented(name: str) -> None:
    """This includes the public methods."""
    value = getattr(lyzr_traces_async, name)
    assert inspect.getdoc(value)
    for attribute, member in vars(value).items():
        if not attribute.startswith("_") and callable(member):
            assert inspect.getdoc(member), attribute


def test_the_version_is_that_of_the_distribution() -> None:
    """The code has it in one place."""
    assert lyzr_traces_async.__version__ == importlib.metadata.version("lyzr-traces-async")


def test_the_types_are_for_others_too() -> None:
    """The package has the marker of PEP 561."""
    assert importlib.resources.files("lyzr_traces_async").joinpath("py.typed").is_file()
