"""Helpers of several rooms: clients, servers that answer by script, a clock that skips waits, processes."""
