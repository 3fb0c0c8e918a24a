"""What a program says on stderr: `reporter:` lines for the engine, the rest for the log.

    reporter:counter:GROUP,NAME,AMOUNT
    reporter:status:TEXT

The end of it is kept, for the message when the program fails.
"""

import os
from collections.abc import Callable
from typing import Final

TAIL_BYTES: Final = 4096
# A line without end, such as a progress bar's, isn't held for ever.
_LINE_BYTES_MAX: Final = 64 * 1024


class Stderr:
    """Of one program; `take` may be called with any pieces."""

    def __init__(
        self,
        prefix: str,
        count: Callable[[str, str, int], None],
        status: Callable[[str], None],
        log: Callable[[bytes], object] = lambda data: os.write(2, data),
    ) -> None:
        self._prefix = prefix.encode()
        self._count, self._status, self._log = count, status, log
        self._begun = b""
        self._tail = b""

    def take(self, data: bytes) -> None:
        *lines, self._begun = (self._begun + data).split(b"\n")
        for line in lines:
            self._line(line + b"\n")
        if len(self._begun) > _LINE_BYTES_MAX:
            self.end()

    def end(self) -> None:
        """Nothing more of the line at hand will come."""
        if self._begun:
            self._line(self._begun)
            self._begun = b""

    @property
    def tail(self) -> str:
        """Whole lines, as far as there are some."""
        text = self._tail.decode(errors="replace")
        if len(self._tail) >= TAIL_BYTES and "\n" in text:
            text = text.split("\n", 1)[1]
        return text.rstrip()

    def _line(self, line: bytes) -> None:
        if not (line.startswith(self._prefix) and self._told(line)):
            self._log(line)
            self._tail = (self._tail + line)[-TAIL_BYTES:]

    def _told(self, line: bytes) -> bool:
        """False: it is nothing that the engine understands."""
        what, _, rest = line.removeprefix(self._prefix).decode(errors="replace").partition(":")
        if what == "status":
            self._status(rest.strip())
            return True
        if what != "counter":
            return False
        # Names of counters may hold commas; amounts don't, and Hadoop takes the first two.
        group, _, further = rest.strip().partition(",")
        name, _, amount = further.rpartition(",")
        if not (group and name):
            return False
        try:
            self._count(group, name, int(amount))
        except ValueError:
            return False
        return True
