"""Promises that no single module keeps: every fault, every cancelled await, bounds, secrecy, soaks, kills."""
