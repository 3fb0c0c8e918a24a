"""Numbers as people read them: bytes, counts, spans and moments of time."""

from datetime import UTC, datetime
from typing import Final

_BYTE_UNITS: Final = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")


def size(count: float) -> str:
    """Bytes: 1536 is "1.5 KiB"."""
    unit = 0
    while count >= 1024 and unit < len(_BYTE_UNITS) - 1:
        count /= 1024
        unit += 1
    digits = 0 if unit == 0 or count >= 100 else 1
    return f"{count:.{digits}f} {_BYTE_UNITS[unit]}"


def number(count: int) -> str:
    """With narrow spaces between thousands."""
    return f"{count:,}".replace(",", "\u202f")


def span(seconds: float) -> str:
    """A length of time, its two largest units: "2 h 5 min"."""
    if seconds < 10:
        return f"{max(seconds, 0.0):.1f} s"
    whole = int(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    if whole < 86400:
        return f"{whole // 3600} h {whole % 3600 // 60} min"
    return f"{whole // 86400} d {whole % 86400 // 3600} h"


def moment(wall_s: float) -> str:
    """A point in time, in UTC, since readers and cluster may sit in different zones."""
    return datetime.fromtimestamp(wall_s, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def percent(fraction: float) -> str:
    """Rounded down: 100 % means all."""
    # The nudge makes 0.57, which is a little less in binary, 57 %.
    return f"{int(min(max(fraction, 0.0), 1.0) * 100 + 1e-9)} %"
