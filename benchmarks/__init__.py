"""This library beside others that read paginated lists, on one server, in one go: ``python -m benchmarks``.

It needs the extra ``bench``. A peer that is not installed is reported as missing, and the rest is measured. Linux only:
the figures for memory are in the units of Linux.

- ``server.py`` and ``worker.py`` are child processes: the one server, and one worker for each peer. ``channel.py`` is
  how they are told what to do.
- ``peers/`` has one adapter for each peer, written as its users would write it.
- ``costs.py``, ``bad_days.py`` and ``bulk.py`` are the scenarios, in the sizes of ``plan.py``, and ``bench.py`` is what
  they measure with. ``troubles.py`` is what a service may suffer from, ``bulk_worker.py`` the worker of one scenario.
- ``results.py`` holds what was measured, ``report.py`` and ``plot.py`` show it.

``python -m benchmarks.pictures`` takes the README's pictures: of the terminal, which ``terminal.py`` draws, and of a
report. For that it needs Chromium, which ``browser.py`` leads.
"""
