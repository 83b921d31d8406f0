"""The command ``python -m benchmarks``, without a run."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

import benchmarks
from benchmarks.__main__ import main

FOLDER = Path(benchmarks.__file__).parent


def test_all_files_can_be_made_from_the_results_of_an_earlier_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With ``--render`` the command measures nothing: it writes the published files again, and prints the report."""
    monkeypatch.setattr(sys, "argv", ["benchmarks", "--render", str(FOLDER), "--output", str(tmp_path / "new")])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 0
    written = {file.name: file.read_bytes() for file in (tmp_path / "new").iterdir()}
    assert written == {name: (FOLDER / name).read_bytes() for name in ("results.json", "results.md", "results.svg")}
    assert capsys.readouterr().out.encode() == written["results.md"]
