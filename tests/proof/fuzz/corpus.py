"""What the fuzz targets share: their first inputs and words, handed to libFuzzer as it wants them."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

import atheris


def fuzz(one_input: Callable[[bytes], None], seeds: Iterable[bytes], words: Iterable[bytes]) -> None:
    """Run a target with the options and files on the command line, and exit.

    :param seeds: the first inputs, from which others are made.
    :param words: what to insert now and then.
    """
    # libFuzzer ends the process without a chance to tidy up: that is left to whoever tidies up the temporary files.
    directory = Path(tempfile.mkdtemp(prefix=f"lyzr-traces-fuzz-{Path(sys.argv[0]).stem}-"))
    corpus = directory / "corpus"
    corpus.mkdir()
    for number, seed in enumerate(seeds):
        (corpus / str(number)).write_bytes(seed)
    dictionary = directory / "words"
    dictionary.write_text("".join(f'"{_escaped(word)}"\n' for word in words))
    options = [argument for argument in sys.argv[1:] if argument.startswith("-")]
    given = [argument for argument in sys.argv[1:] if not argument.startswith("-")]
    # With files on the command line libFuzzer runs those and nothing else; with directories it goes on from them.
    if not given or not all(Path(name).is_file() for name in given):
        given.append(str(corpus))
    atheris.Setup([sys.argv[0], "-max_len=4096", f"-dict={dictionary}", *options, *given], one_input)
    atheris.Fuzz()


def _escaped(word: bytes) -> str:
    return "".join(f"\\x{byte:02x}" for byte in word)
