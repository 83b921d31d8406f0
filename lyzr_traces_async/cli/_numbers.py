"""Numbers as people read them. Pure."""

from __future__ import annotations

__all__ = ["clock", "counted", "dollars", "rough", "seconds", "size"]


def counted(count: int, noun: str) -> str:
    """Write a count with its noun."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def seconds(value: float, width: int = 9) -> str:
    """Write a latency, to the millisecond where ``width`` allows it; a very long one with fewer digits."""
    for decimals in range(3 if width >= 9 else 2, -1, -1):
        text = f"{value:.{decimals}f} s"
        if len(text) <= width:
            return text
    return f"{value:.{max(width - 7, 0) // 2}e} s"


def dollars(value: float, width: int = 10) -> str:
    """Write a cost with its decimal point where that of others is, and no zeros behind the cents.

    What is too little to show is not shown as nothing, and what is too much is written with an exponent.
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
    """Write a duration as hours, minutes and seconds, as far as there are any: ``1:04:12``, ``4:12``, ``0:07``."""
    minutes, rest = divmod((abs(milliseconds) + 500) // 1000, 60)
    hours, minutes = divmod(minutes, 60)
    text = f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
    return f"-{text}" if milliseconds < 0 else text


def rough(value: float) -> str:
    """Write a long time, in seconds, by its two largest units: ``40 s``, ``12 min``, ``5 h 12 min``, ``3 d 2 h``."""
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
    """Write a number of bytes."""
    return f"{count / 1e6:,.1f} MB" if count >= 1e6 else f"{count / 1e3:,.0f} kB"
