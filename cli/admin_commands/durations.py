"""Lengths of time as people type and read them: 90s, 15m, 2h, 3d."""

import re
from typing import Final

import click

UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def parsed(_: click.Context, __: click.Parameter, text: str) -> float:
    """An option's seconds, from a number and a unit."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smhd]?)", text.strip())
    if found is None:
        raise click.BadParameter(f"'{text}' is no length of time: 90s, 15m, 2h and 3d are")
    return float(found[1]) * UNITS[found[2] or "s"]


def in_words(seconds: float) -> str:
    """With the unit that leaves the number readable."""
    for unit in ("d", "h", "m"):
        if seconds >= 2 * UNITS[unit]:
            return f"{seconds / UNITS[unit]:.0f} {unit}"
    return f"{seconds:.0f} s"
