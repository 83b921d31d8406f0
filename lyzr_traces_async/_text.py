"""Escaping of text from the server, so that a terminal or a page can show it safely. Pure."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["UNSAFE", "visible"]

# Characters that a terminal acts on, or that invisibly change how the text around them reads: the controls C0, DEL and
# C1; line and paragraph separators; bidirectional marks, embeddings, overrides and isolates; the zero-width space, the
# word joiner and similar characters; the byte order mark; interlinear annotations; unpaired surrogates; tags.
# The zero-width joiner and non-joiner are not among them: emoji and several scripts need them.
UNSAFE: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)


def visible(text: str) -> str:
    r"""Replace every character that matches ``UNSAFE`` with its escape, such as ``\x1b`` or ``\u202e``."""
    return UNSAFE.sub(lambda match: match[0].encode("unicode_escape").decode(), text)
