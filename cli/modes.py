"""Modes as `chmod` takes them: octal (0644, 1777) or words (u+rwx,go-w,+t), as Hadoop's.

A clause is who (u, g, o, a; nobody named: all), what to do (+ - =) and bits (r w x t); X is x
where the file is a directory or somebody has x already.
"""

import re
from typing import Final

from blockstore.model import MODE_MAX, STICKY

from .errors import REFUSED, CommandError

_CLAUSE: Final = re.compile(r"([ugoa]*)((?:[-+=][rwxXt]*)+)")
_STEP: Final = re.compile(r"([-+=])([rwxXt]*)")
_SHIFTS: Final = {"u": 6, "g": 3, "o": 0}
_BITS: Final = {"r": 4, "w": 2, "x": 1}


def changed(mode: int, word: str, *, is_directory: bool) -> int:
    """What a mode becomes by a word that `check` has let through."""
    if word.isdigit():
        return int(word, 8)
    for clause in word.split(","):
        found = _CLAUSE.fullmatch(clause)
        assert found, f"unchecked: {word}"
        who = found[1].replace("a", "ugo") or "ugo"
        for step, letters in _STEP.findall(found[2]):
            mode = _stepped(mode, who, step, letters, is_directory=is_directory)
    return mode


def _stepped(mode: int, who: str, step: str, letters: str, *, is_directory: bool) -> int:
    bits = 0
    for letter in letters.replace("X", "x" if is_directory or mode & 0o111 else ""):
        bits |= _BITS.get(letter, 0)
    wanted = sum({bits << _SHIFTS[one] for one in who} or {0})
    reach = sum({7 << _SHIFTS[one] for one in who})
    sticky = STICKY if "t" in letters else 0
    if step == "+":
        return mode | wanted | sticky
    if step == "-":
        return mode & ~wanted & ~sticky
    # As chmod does it: who names the others means the sticky bit, too.
    return mode & ~(reach | STICKY if "o" in who else reach) | wanted | sticky


def check(word: str) -> None:
    """Raises CommandError when it is no mode."""
    if word.isdigit():
        if set(word) <= set("01234567") and int(word, 8) <= MODE_MAX:
            return
    elif all(_CLAUSE.fullmatch(clause) for clause in word.split(",")):
        return
    raise CommandError(
        f"'{word}' is no mode: octal up to 1777 (0644), or words such as u+rwx,go-w", REFUSED
    )
