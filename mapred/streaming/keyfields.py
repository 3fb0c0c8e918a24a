"""-k options as sort(1) has them, for the order of keys and for the choice of their reducer.

    -kF[.C][nr][,F[.C][nr]]   from field F, letter C, to a field's letter; both count from 1,
                              and without an end it is the end of the key
    n, r                      as numbers; the other way round. Alone (-nr) they are for all fields
                              that say nothing themselves

Keys whose fields are equal are ordered by the whole key, and each keeps its own.
"""

import re
from dataclasses import dataclass
from typing import Any, Final

from mapred.errors import ParamError
from mapred.shuffle.keys import Descending

_FIELD: Final = re.compile(r"(\d+)(?:\.(\d+))?([nr]*)(?:,(\d+)(?:\.(\d+))?([nr]*))?")
_FLAGS: Final = re.compile(r"-[nr]+")
_NUMBER: Final = re.compile(rb"\s*(-?)(\d*)(?:\.(\d*))?")
_INT_MAX: Final = 0x7FFFFFFF


@dataclass(frozen=True, slots=True)
class KeyField:
    """A piece of a key; fields and letters from 0, `end` 0: where the key ends."""

    start: int
    start_letter: int
    # One past the last field, and how many letters of it count; 0: all.
    end: int
    end_letter: int
    numeric: bool = False
    reverse: bool = False

    def of(self, key: bytes, separator: bytes) -> bytes | None:
        """None: the key has no such field."""
        fields = key.split(separator)
        if self.start >= len(fields):
            return None
        step = len(separator)
        start = sum(len(one) + step for one in fields[: self.start])
        if not self.end or self.end > len(fields):
            end = len(key)
        else:
            before = sum(len(one) + step for one in fields[: self.end - 1])
            last = len(fields[self.end - 1])
            end = before + (min(self.end_letter, last) if self.end_letter else last)
        return key[start + self.start_letter : end]


def parsed(options: str) -> tuple[KeyField, ...]:
    """The fields of `-k` words, at least one.

    Raises:
        ParamError: what can't be understood.
    """
    found: list[tuple[re.Match[str], str]] = []
    flags = ""
    for word in re.sub(r"-k\s+", "-k", options).split():
        field = _FIELD.fullmatch(word.removeprefix("-k")) if word.startswith("-k") else None
        if field and field[1] != "0":
            found.append((field, field[3] + (field[6] or "")))
        elif _FLAGS.fullmatch(word):
            flags += word
        else:
            raise ParamError(f"'{word}' in the key options '{options}': say -k2,2nr or -nr")
    if not found:
        return (KeyField(0, 0, 0, 0, "n" in flags, "r" in flags),)
    return tuple(_field(match, own or flags) for match, own in found)


def _field(match: re.Match[str], flags: str) -> KeyField:
    return KeyField(
        start=int(match[1]) - 1,
        start_letter=max(0, int(match[2] or 1) - 1),
        end=int(match[4] or 0),
        end_letter=int(match[5] or 0),
        numeric="n" in flags,
        reverse="r" in flags,
    )


def sort_key(key: bytes, separator: bytes, fields: tuple[KeyField, ...]) -> tuple[Any, ...]:
    """What the shuffle is to sort by; its last element is the key."""
    return (*(_component(key, separator, field) for field in fields), key)


def _component(key: bytes, separator: bytes, field: KeyField) -> Any:
    text = field.of(key, separator) or b""
    found: Any = _number(text) if field.numeric else text
    return Descending(found) if field.reverse else found


def _number(text: bytes) -> int | float:
    """The number that a text begins with, without exponent; 0 for none."""
    match = _NUMBER.match(text)
    if match is None or not (match[2] or match[3]):
        return 0
    sign = -1 if match[1] else 1
    if match[3]:
        return sign * float(match[2] + b"." + match[3])
    return sign * int(match[2])


def reducer_of(key: bytes, separator: bytes, fields: tuple[KeyField, ...], partitions: int) -> int:
    """As Hadoop's KeyFieldBasedPartitioner chooses it."""
    found = 0
    for field in fields:
        for letter in field.of(key, separator) or b"":
            # Letters of a Java byte string are signed.
            found = (31 * found + (letter - 256 if letter > 127 else letter)) & 0xFFFFFFFF
    return (found & _INT_MAX) % partitions
