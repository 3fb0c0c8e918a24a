"""Tells over HTTP that jobs have ended (mapred/notification.py), on the event loop.

Rules
- The end of the job is durable before anybody is told.
- Every try is journaled when it is over. Who dies in between tries again: a job's end is told
  at least once, or as often as the job allows.
- An answer of 2xx is good. Redirects aren't followed.
"""

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final
from urllib.parse import urlsplit

from mapred.jobtracker.book import Book

log = logging.getLogger(__name__)

# A host that doesn't answer holds up others only when so many do.
AT_ONCE: Final = 64


class Notifier:
    """Of all jobs in the book that are due."""

    def __init__(
        self,
        book: Book,
        settled: Callable[[], Awaitable[None]],
        tried: Callable[[str, str], None],
        spawn: Callable[[Coroutine[Any, Any, None]], None],
    ) -> None:
        self._book = book
        self._settled = settled
        # Called with a job's id, and why the try failed, or "".
        self._tried = tried
        self._spawn = spawn
        self._under_way: set[str] = set()
        self._turns = asyncio.Semaphore(AT_ONCE)
        # Set while nothing is due.
        self.idle = asyncio.Event()
        self.idle.set()

    def look(self) -> None:
        for job_id in self._book.notices.keys() - self._under_way:
            self._under_way.add(job_id)
            self.idle.clear()
            self._spawn(self._tell(job_id))

    async def _tell(self, job_id: str) -> None:
        await self._settled()
        while due := self._book.notices.get(job_id):
            async with self._turns:
                error = await ask(due.url, due.timeout_s)
            if error:
                left = due.attempts - 1
                log.warning("%s: telling %s: %s; tries left: %d", job_id, due.url, error, left)
            self._tried(job_id, error)
            if job_id in self._book.notices:
                await asyncio.sleep(due.interval_s)
        self._under_way.discard(job_id)
        if not self._under_way:
            self.idle.set()


async def ask(url: str, timeout_s: float) -> str:
    """GETs it; "" when the answer is good, else what went wrong."""
    try:
        async with asyncio.timeout(timeout_s):
            return _judged(await _status_line(url))
    except TimeoutError:
        return f"no answer within {timeout_s:g} s"
    except OSError as error:
        # asyncio's own words name a call; those of a name that isn't known have a number below 0.
        known = error.errno is not None and error.errno > 0
        return os.strerror(error.errno or 0) if known else error.strerror or str(error)
    except ValueError as error:
        return str(error) or type(error).__name__


async def _status_line(url: str) -> bytes:
    parts = urlsplit(url)
    secure = parts.scheme == "https"
    port = parts.port or (443 if secure else 80)
    reader, writer = await asyncio.open_connection(parts.hostname, port, ssl=secure or None)
    try:
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        writer.write(
            f"GET {target} HTTP/1.1\r\nHost: {parts.netloc}\r\nUser-Agent: mapred\r\n"
            "Accept: */*\r\nConnection: close\r\n\r\n".encode("ascii")
        )
        await writer.drain()
        return await reader.readline()
    finally:
        writer.close()


def _judged(line: bytes) -> str:
    version, _, rest = line.decode("latin-1").strip().partition(" ")
    code = rest.partition(" ")[0]
    if not version.startswith("HTTP/") or not code.isdecimal():
        return "the connection was closed without an answer" if not line else "that is no HTTP"
    if code.startswith("2"):
        return ""
    if code.startswith("3"):
        return f"answered {rest}: redirects aren't followed, name the place itself"
    return f"answered {rest}"
