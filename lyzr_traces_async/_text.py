"""Text from the server that a terminal or a page can show as it is. Pure."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["UNSAFE", "visible"]

# What a terminal would act upon, or what changes how the text around it reads, without being seen itself: the
# controls C0, DEL and C1; line and paragraph separators; bidirectional marks, embeddings, overrides and isolates;
# zero-width space, word joiner and their kin, the byte order mark, interlinear annotations; unpaired surrogates; tags.
# The zero-width joiner and non-joiner stay: emoji and several scripts are written with them.
UNSAFE: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)


def visible(text: str) -> str:
    r"""Replace every control and invisible formatting character by its escape, such as ``\x1b`` or ``\u202e``."""
    return UNSAFE.sub(lambda match: match[0].encode("unicode_escape").decode(), text)
