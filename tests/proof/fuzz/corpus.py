"""The fuzz targets' shared part: it hands their first inputs and words to libFuzzer."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

import atheris


def fuzz(one_input: Callable[[bytes], None], seeds: Iterable[bytes], words: Iterable[bytes]) -> None:
    """Run a target with the options and files on the command line, and exit.

    :param seeds: the first inputs, from which libFuzzer makes others.
    :param words: texts that libFuzzer inserts now and then.
    """
    # libFuzzer ends the process without any cleanup, so the files stay in the folder for temporary files.
    directory = Path(tempfile.mkdtemp(prefix=f"lyzr-traces-fuzz-{Path(sys.argv[0]).stem}-"))
    corpus = directory / "corpus"
    corpus.mkdir()
    for number, seed in enumerate(seeds):
        (corpus / str(number)).write_bytes(seed)
    dictionary = directory / "words"
    dictionary.write_text("".join(f'"{_escaped(word)}"\n' for word in words))
    options = [argument for argument in sys.argv[1:] if argument.startswith("-")]
    given = [argument for argument in sys.argv[1:] if not argument.startswith("-")]
    # libFuzzer runs only the files on its command line; given directories, it also makes new inputs from their files.
    if not given or not all(Path(name).is_file() for name in given):
        given.append(str(corpus))
    atheris.Setup([sys.argv[0], "-max_len=4096", f"-dict={dictionary}", *options, *given], one_input)
    atheris.Fuzz()


def _escaped(word: bytes) -> str:
    return "".join(f"\\x{byte:02x}" for byte in word)
