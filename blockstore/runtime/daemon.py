"""What all daemons do alike: check where they bind, say they are ready, log, end on a signal."""

import asyncio
import faulthandler
import ipaddress
import logging
import os
import resource
import signal
import sys
import threading
import time
from typing import Final

from blockstore.errors import ConfigException

log = logging.getLogger(__name__)

# What a daemon gives its open calls and last writes, from the signal on.
STOP_GRACE_S: Final = 3.0
# A daemon that still runs then waits for somebody who won't come (a JobTracker for a block
# store that was stopped before it) and is cut off. All of ours may be killed at any moment.
CUT_OFF_S: Final = 8.0
CUT_OFF_CODE: Final = 1
# For thousands of connections, each of which is one.
_DESCRIPTORS: Final = 65_536
# What it may take to say where it hangs.
CUT_OFF_WORDS_S: Final = 1.0


def check_bind(role: str, host: str, *, secret: str | None, insecure: bool) -> None:
    """Refuses an open door: beyond loopback a daemon needs a secret, or the user's word.

    Raises:
        ConfigException: says what to set.
    """
    if secret or insecure or _is_loopback(host):
        return
    raise ConfigException(
        f"{role} would listen on {host} for anybody: set a cluster secret "
        "(MAPRED_SECRET or MAPRED_SECRET_FILE, the same on every machine), or say --insecure"
    )


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def announce(role: str, host: str, port: int) -> None:
    """The one line on stdout: whoever started the daemon waits for it and reads the address."""
    # One write: where the log goes to the same file, another thread's line may come between two.
    print(f"{role} ready on {host}:{port}\n", end="", flush=True)


def announce_waiting(role: str, host: str, port: int, what: str) -> None:
    """A line on stdout of a daemon that answers, and can't serve before something else is there."""
    print(f"{role} waiting on {host}:{port} for {' '.join(what.split())}\n", end="", flush=True)


def configure_logging(role: str, level: str = "INFO") -> None:
    """One line an event on stderr."""
    logging.basicConfig(
        stream=sys.stderr,
        level=level.upper(),
        format=f"%(asctime)s %(levelname).1s {role} %(name)s: %(message)s",
        force=True,
    )


def take_descriptors() -> None:
    """As many as the machine's owner allows: what a shell gives is meant for commands."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _DESCRIPTORS if hard == resource.RLIM_INFINITY else min(_DESCRIPTORS, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def stop_event_for_loop() -> asyncio.Event:
    """Set by SIGTERM or SIGINT; for daemons on an event loop."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def on_signal() -> None:
        stop.set()
        _cut_off_later()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_signal)
    return stop


def stop_event_for_threads() -> threading.Event:
    """Set by SIGTERM or SIGINT; for daemons on threads. Call it on the main thread.

    A thread of its own sets it, which the interpreter wakes through a pipe: a handler would run
    inside whatever the main thread is at. In the middle of `stop.wait()` it would wait for ever
    for the lock that this holds, and during a slow look-up of a name it wouldn't run at all.
    """
    stop = threading.Event()
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _nothing)

    def watch() -> None:
        os.read(woken, 1)
        stop.set()
        time.sleep(CUT_OFF_S)
        _cut_off()

    threading.Thread(target=watch, name="signals", daemon=True).start()
    return stop


def _nothing(*_: object) -> None:
    """The handler that a signal must have to reach the pipe."""


def _cut_off_later() -> None:
    # A thread of no consequence: the process ends before it where all goes well.
    timer = threading.Timer(CUT_OFF_S, _cut_off)
    timer.daemon = True
    timer.start()


def _cut_off() -> None:
    # Whoever hangs may hold what is needed to say so.
    last = threading.Timer(CUT_OFF_WORDS_S, os._exit, [CUT_OFF_CODE])
    last.daemon = True
    last.start()
    log.error("not ended %.0f s after the signal: cut off. Where its threads are:", CUT_OFF_S)
    faulthandler.dump_traceback(all_threads=True)
    logging.shutdown()
    os._exit(CUT_OFF_CODE)
