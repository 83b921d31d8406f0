"""Compare this library with other ways to read paginated lists, on one server and in one run: ``python -m benchmarks``.

The command needs the extra ``bench``, and Linux: the figures for memory are in the units of Linux. It writes
``results.json``, ``results.md`` and ``results.svg``. ``python -m benchmarks --render benchmarks`` makes the last two
from the existing ``results.json`` without measuring again.

A peer is one way to read the traces: this library, another library, or a loop written by hand. If a peer is not
installed, the report lists it as missing, and the other peers are measured.

- ``server.py`` and ``worker.py`` are child processes: one server for all peers, and one worker for each peer.
  ``channel.py`` sends them their tasks.
- ``peers/`` has one adapter for each peer, written as a user of that peer would write it.
- ``costs.py``, ``bad_days.py`` and ``bulk.py`` are the scenarios. ``plan.py`` has their sizes, and ``bench.py`` runs
  their tasks and collects the measurements. ``troubles.py`` decides which requests of a failing service time out, and
  ``bulk_worker.py`` is the worker process of the bulk scenario.
- ``results.py`` holds the measurements. ``report.py`` makes the tables from them, and ``plot.py`` makes the picture.

``python -m benchmarks.pictures`` takes the README's pictures of the terminal (``terminal.py``) and of a report. It
needs Chromium, which ``browser.py`` controls.
"""
