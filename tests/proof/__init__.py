"""Promises that no single module keeps: every fault at every position, every await cancelled, secrecy, soaks, kills."""
