"""Text of the server is safe to print on a terminal."""

from __future__ import annotations

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from lyzr_traces_async.cli._text import Glyphs, encodable, fit, fit_tail, glyphs_for, json_escaped, visible

# Characters that random texts would seldom contain.
NASTY = st.sampled_from("\x00\x07\t\n\r\x1b\x7f\x85\x9b\u061c\u200b\u200f\u2028\u2029\u202a\u202e\u2066\u2069\ufeff")
TEXT = st.text(st.one_of(st.characters(exclude_categories=["Cs"]), NASTY))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("voice-agent-response", "voice-agent-response"),
        ("日本語 👨‍👩‍👧 é \\x", "日本語 👨‍👩‍👧 é \\x"),
        ("\x1b[31mred\x1b]0;title\x07", r"\x1b[31mred\x1b]0;title\x07"),
        ("a\r\nb\tc\x00\x7f\x9b", r"a\r\nb\tc\x00\x7f\x9b"),
        ("gnp.\u202eexe\u2066x\u2069", r"gnp.\u202eexe\u2066x\u2069"),
        ("a\u2028b\u2029c\u061c\u200b\ufeff", r"a\u2028b\u2029c\u061c\u200b\ufeff"),
        ("flag\U000e0067\ud800", r"flag\U000e0067\ud800"),
    ],
)
def test_control_characters_are_shown_as_escapes(text: str, shown: str) -> None:
    """Controls and invisible formatting become visible. Text of all scripts and joined emoji stay."""
    assert visible(text) == shown


@given(TEXT)
def test_no_control_character_ever_comes_out(text: str) -> None:
    """No text has a control, a line break, or a character that changes the direction of text."""
    shown = visible(text)
    assert not [char for char in shown if unicodedata.category(char) in ("Cc", "Zl", "Zp", "Cs")]
    assert not set(shown) & set("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
    assert len(shown.splitlines()) <= 1


@given(st.dictionaries(TEXT, TEXT))
def test_json_with_escapes_is_the_same_document(value: dict[str, str]) -> None:
    """Escaping changes the bytes of the JSON, and not its meaning."""
    escaped = json_escaped(json.dumps(value, ensure_ascii=False))
    assert json.loads(escaped) == value
    assert visible(escaped) == escaped


@given(TEXT, st.integers(1, 40), st.sampled_from([fit, fit_tail]), st.sampled_from(["…", "..."]))
def test_a_text_cut_to_a_width_never_takes_more_cells(text: str, width: int, cut: object, ellipsis: str) -> None:
    """The width counts terminal cells, not characters."""
    assert callable(cut)
    shown = cut(visible(text), width, ellipsis)
    assert cell_len(shown) <= width


@pytest.mark.parametrize(
    ("text", "width", "head", "tail"),
    [
        ("trace", 5, "trace", "trace"),
        ("trace-abc-123", 8, "trace-a…", "…abc-123"),
        ("trace abc 123", 7, "trace…", "…bc 123"),
        ("日本語日本語", 6, "日本…", "…本語"),
        ("日本語日本語", 12, "日本語日本語", "日本語日本語"),
        ("trace", 1, "…", "…"),
        ("e" + "\u0301" * 500, 3, "e" + "\u0301" * 23 + "…", "…" + "\u0301" * 2),
    ],
)
def test_a_long_text_loses_its_end_and_a_long_link_its_beginning(text: str, width: int, head: str, tail: str) -> None:
    """A wide character is dropped whole, and many combining marks do not exceed the limit."""
    assert fit(text, width, "…") == head
    assert fit_tail(text, width, "…") == tail


@pytest.mark.parametrize(
    ("encoding", "shown"), [("utf-8", "é 日"), ("latin-1", r"é \u65e5"), ("ascii", r"\xe9 \u65e5")]
)
def test_characters_outside_the_encoding_are_shown_as_escapes(encoding: str, shown: str) -> None:
    """Printing never fails because of the encoding of standard output."""
    assert encodable("é 日", encoding) == shown


ASCII = glyphs_for("ascii")


def test_glyphs_depend_on_the_encoding() -> None:
    """Either all glyphs are Unicode or none is, because a mixture reads badly."""
    assert isinstance(ASCII, Glyphs)
    assert "".join(ASCII).isascii()
    assert glyphs_for("utf-8").bar == "━"
    assert glyphs_for("cp1252") == ASCII
