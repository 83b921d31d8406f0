"""The page of a report without its data: its security policy and its colours."""

from __future__ import annotations

import re
from base64 import b64encode
from hashlib import sha256

import pytest

from tests.report.samples import Elements, page_of, session, trace


def test_the_policy_allows_only_the_script_and_the_style_of_the_page() -> None:
    """Nothing can be loaded, and the hashes match the one script and the one style."""
    page = page_of(session(trace()))
    elements = Elements(page)
    (policy,) = (a["content"] for _, a in elements.tags if a.get("http-equiv") == "Content-Security-Policy")
    hashes = [b64encode(sha256(elements.texts[tag, None].encode()).digest()).decode() for tag in ("script", "style")]
    assert policy == (
        f"default-src 'none'; script-src 'sha256-{hashes[0]}'; style-src 'sha256-{hashes[1]}'; "
        "base-uri 'none'; form-action 'none'"
    )
    assert [a for tag, a in elements.tags if tag == "script"] == [{"type": "application/json", "id": "data"}, {}]


def test_the_page_refers_to_nothing_and_has_no_inline_style_or_handler() -> None:
    """Opening the page sends no request to anybody."""
    for tag, attributes in Elements(page_of(session(trace()))).tags:
        assert tag not in ("link", "img", "iframe", "base", "object", "embed")
        assert not {"src", "style"} & set(attributes)
        assert not [name for name in attributes if name.startswith("on")]
        assert (attributes.get("href") or "#").startswith("#")


@pytest.mark.parametrize(
    "word", ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "Function("]
)
def test_the_script_makes_no_markup_of_text(word: str) -> None:
    """The script only ever sets text as text."""
    assert word not in Elements(page_of()).texts["script", None]


def colours(style: str, start: str) -> dict[str, str]:
    """Return the colours that are set after ``start``."""
    rules = style[style.index(start) :]
    return dict(re.findall(r"--([\w-]+): (#\w{6});", rules[: rules.index("}")]))


def luminance(colour: str) -> float:
    """Return the relative luminance as WCAG 2.2 defines it."""
    parts = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """Return the contrast ratio as WCAG 2.2 defines it."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("start", [":root {", "@media (prefers-color-scheme: dark)"])
def test_colours_have_enough_contrast(start: str) -> None:
    """Text has 4.5 to 1, and shapes and frames of fields have 3 to 1, in both schemes."""
    found = colours(Elements(page_of()).texts["style", None], start)
    for ground in (found["ground"], found["card"]):
        for text in ("text", "soft", "link"):
            assert contrast(found[text], ground) >= 4.5, text
        for shape in ("field", "focus", "mark", *(f"c{n}" for n in range(8))):
            assert contrast(found[shape], ground) >= 3, shape
    assert contrast(found["soft"], found["pause"]) >= 4.5
    assert contrast(found["text"], found["bad-ground"]) >= 4.5
    assert contrast(found["bad"], found["bad-ground"]) >= 4.5
