"""Numbers as text for people. Pure."""

from __future__ import annotations

__all__ = ["clock", "counted", "dollars", "rough", "seconds", "size"]


def counted(count: int, noun: str) -> str:
    """Return a count with its noun, such as ``3 traces``."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def seconds(value: float, width: int = 9) -> str:
    """Return a latency, to the millisecond if it fits ``width``, or else with fewer digits."""
    for decimals in range(3 if width >= 9 else 2, -1, -1):
        text = f"{value:.{decimals}f} s"
        if len(text) <= width:
            return text
    return f"{value:.{max(width - 7, 0) // 2}e} s"


def dollars(value: float, width: int = 10) -> str:
    """Return a cost, padded so that the decimal points of a column align, without zeros after the cents.

    A cost that rounds to zero is ``<$0.000001``. A cost that is too large for ``width`` has an exponent.
    """
    sign = "-$" if value < 0 else "$"
    value, decimals = abs(value), width - 4
    text = f"{value:.{decimals}f}"
    if value > 0 and float(text) == 0:
        return f"{sign[:-1]}<${10**-decimals:.{decimals}f}"
    if len(text) >= width:
        text = f"{value:.2f}"
        return sign + (text if len(text) < width else f"{value:.{decimals - 3}e}")
    cents = len(text) - decimals + 2
    return sign + text[:cents] + text[cents:].rstrip("0").ljust(decimals - 2)


def clock(milliseconds: int) -> str:
    """Return a duration as minutes and seconds, with hours if there are any: ``1:04:12``, ``4:12``, ``0:07``."""
    minutes, rest = divmod((abs(milliseconds) + 500) // 1000, 60)
    hours, minutes = divmod(minutes, 60)
    text = f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
    return f"-{text}" if milliseconds < 0 else text


def rough(value: float) -> str:
    """Return seconds as a rough length of time: ``40 s``, ``12 min``, ``5 h 12 min``, ``3 d 2 h``."""
    if (whole := round(value)) < 60:
        return f"{whole} s"
    if (minutes := round(value / 60)) < 60:
        return f"{minutes} min"
    if minutes < 24 * 60:
        return _two(minutes, 60, "h", "min")
    return _two(round(value / 3600), 24, "d", "h")


def _two(count: int, each: int, large: str, small: str) -> str:
    more, rest = divmod(count, each)
    return f"{more:,} {large} {rest} {small}" if rest else f"{more:,} {large}"


def size(count: int) -> str:
    """Return a number of bytes as kB or MB."""
    return f"{count / 1e6:,.1f} MB" if count >= 1e6 else f"{count / 1e3:,.0f} kB"
