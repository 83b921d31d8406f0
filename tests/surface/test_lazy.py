"""The cost of an import, and that lazy names behave like others."""

from __future__ import annotations

import ast
import inspect
import pickle
import subprocess
import sys
import types
from pathlib import Path

import pytest

import lyzr_traces_async
from lyzr_traces_async import testing
from lyzr_traces_async._lazy import lazily

LIBRARIES = ("aiohttp", "anyio", "attr", "attrs", "cattrs", "http_sf", "msgspec", "multidict", "tenacity", "yarl")
PACKAGES = [lyzr_traces_async, testing]


def fresh(code: str) -> str:
    """Run code in a new interpreter without the modules of this one, and return its output."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr == ""
    return done.stdout.strip()


@pytest.mark.parametrize(
    "module",
    ["lyzr_traces_async", "lyzr_traces_async.testing.plugin", "lyzr_traces_async.cli", "lyzr_traces_async._lazy"],
)
def test_an_import_that_needs_no_library_imports_none(module: str) -> None:
    """Every run of pytest loads the plugin if the package is installed, even without using its fixture."""
    code = f"import sys, pytest, {module}; print(*(name for name in {LIBRARIES} if name in sys.modules))"
    assert fresh(code) == ""


def test_errors_come_without_the_client() -> None:
    """Each name imports its own module, and not the slower ones."""
    assert fresh("import sys; from lyzr_traces_async import NotFoundError; print('aiohttp' in sys.modules)") == "False"


@pytest.mark.parametrize("package", PACKAGES)
def test_a_star_import_brings_all_names(package: types.ModuleType) -> None:
    """A star import finds them although they are loaded later."""
    code = f"from {package.__name__} import *; import {package.__name__} as p; print(set(p.__all__) <= set(globals()))"
    assert fresh(code) == "True"


@pytest.mark.parametrize("package", PACKAGES)
def test_names_are_listed_before_they_are_asked_for(package: types.ModuleType) -> None:
    """Completion, `help()` and other tools use `dir()`."""
    listed = set(fresh(f"import {package.__name__} as p; print(*dir(p))").split())
    assert set(package.__all__) <= listed
    assert {"__all__", "__doc__", "__name__", "__path__"} <= listed
    assert {name for name in listed if not name.startswith("_")} - set(package.__all__) <= {
        "client",
        "errors",
        "models",
        "summary",
    }


def test_help_shows_the_names() -> None:
    """Each has its documentation."""
    text = fresh(
        "import pydoc, lyzr_traces_async; print(pydoc.render_doc(lyzr_traces_async, renderer=pydoc.plaintext))"
    )
    for words in (
        "class TracesClient",
        "class RateLimitError",
        "the server asks for a longer wait",
        "Async client for the traces",
    ):
        assert words in text


def test_the_modules_are_attributes_too() -> None:
    """`lyzr_traces_async.errors.NotFoundError` needs no import of its own."""
    getattr_, dir_ = lazily(lyzr_traces_async.__name__, [], "errors")
    assert getattr_("errors") is sys.modules["lyzr_traces_async.errors"]
    assert "errors" in dir_()
    code = "import lyzr_traces_async as p; print(p.errors.NotFoundError is p.NotFoundError, p.models.__name__)"
    assert fresh(code) == "True lyzr_traces_async.models"


def test_a_pickle_is_read_where_nothing_was_imported() -> None:
    """Another process that receives one does the same."""
    sent = pickle.dumps(lyzr_traces_async.Pagination(1, 2, 3, 4)).hex()
    again = f"import pickle; print(pickle.loads(bytes.fromhex('{sent}')))"
    assert fresh(again) == "Pagination(page=1, limit=2, total_items=3, total_pages=4)"


@pytest.mark.parametrize("package", PACKAGES)
def test_a_misspelt_name_is_the_usual_error(package: types.ModuleType) -> None:
    """This holds for names that Python itself asks for, such as `__wrapped__`."""
    for name in ("TraceClient", "FakeTraceServer", "__wrapped__", "_"):
        with pytest.raises(AttributeError) as caught:
            getattr(package, name)
        assert str(caught.value) == f"module '{package.__name__}' has no attribute '{name}'"
        assert (caught.value.name, caught.value.obj) == (name, package)
        with pytest.raises(ImportError, match=f"cannot import name '{name}' from '{package.__name__}'"):
            exec(f"from {package.__name__} import {name}")  # noqa: S102 - a misspelt import


def test_the_right_spelling_is_suggested() -> None:
    """Python suggests it as for names that exist from the beginning."""
    code = "import lyzr_traces_async, sys; sys.stderr = sys.stdout; lyzr_traces_async.TraceClient"
    assert fresh(code).endswith("Did you mean: 'TracesClient'?")


def test_a_name_that_was_asked_for_is_there() -> None:
    """A second access costs nothing, and a user's test may replace it."""
    assert lyzr_traces_async.TracesClient is vars(lyzr_traces_async)["TracesClient"]


def test_a_name_that_none_of_the_modules_has_is_an_error() -> None:
    """It shows a mistake of ours."""
    getattr_, _ = lazily(testing.__name__, ["Quote"], "_quota")
    with pytest.raises(AttributeError, match="has no attribute 'Quote'"):
        getattr_("Quote")


@pytest.mark.parametrize("package", PACKAGES)
def test_type_checkers_are_told_the_same_names(package: types.ModuleType) -> None:
    """They do not run the code that imports them."""
    tree = ast.parse(Path(inspect.getfile(package)).read_text())
    (branch,) = (node for node in tree.body if isinstance(node, ast.If))
    told = [alias.name for node in branch.body if isinstance(node, ast.ImportFrom) for alias in node.names]
    assert sorted([*told, *{"__version__"} & set(package.__all__)]) == package.__all__


@pytest.mark.parametrize("library", ["aiohttp", "cyclopts", "msgspec"])
def test_ctrl_c_during_the_start_of_the_command_line_ends_it_quietly(library: str) -> None:
    """Imports take half a second. The status is then 130, without a traceback."""
    code = f"""
import os, sys
class Interrupted:
    def find_spec(name, *_):
        if name == {library!r}:
            raise KeyboardInterrupt
sys.meta_path.insert(0, Interrupted)
from lyzr_traces_async.cli import main
kept = os.dup(1)  # what a command that is interrupted leaves behind for its own goes nowhere
os.write(kept, b"%d" % main(["demo"]))
"""
    assert fresh(code) == "130"
