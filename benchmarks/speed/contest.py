"""A contest: who does the same work over the same files, in turn, each within a time limit.

Round by round everybody runs once, so that a noisy machine hurts all. The first round warms up and
doesn't count, but for those that it takes long: nothing they do once matters then. Who fails, takes
too long, can't be had, or has another result than ours is out, with the reason.
"""

import contextlib
import copy
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from benchmarks.measure import PeakMemory

OURS: Final = "mapred"
LEFT_OUT: Final = "left out"
# A first run of so many seconds counts.
_LONG_S: Final = 30.0
_OUTPUT: Final = "OUTPUT"
_FOLDER: Final = "FOLDER"
_STOP_S: Final = 10


@dataclass(frozen=True)
class Contestant:
    """A command; the words OUTPUT and FOLDER in it become paths of the run."""

    name: str
    command: Sequence[str]
    # Why it can't take part; asked when its turn comes, because it may have to be installed.
    lack: Callable[[], str] = lambda: ""
    # Against which the ratio is; "" for who stands beside another for comparison only.
    against: str = OURS
    floor: float | None = None
    aim: float | None = None
    # Whether the seconds that it prints count (`steady_s`), ours too, instead of all of them.
    steady: bool = False
    # Floor and aim of a further row: its peak memory over ours.
    memory: tuple[float, float] | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    title: str = ""


@dataclass(frozen=True)
class Contest:
    """One piece of work."""

    name: str
    what: str
    contestants: Sequence[Contestant]
    answer: Callable[[Path], str]
    input: Path
    close: Callable[[], None] = lambda: None
    # Whether peaks tell anything: of a cluster's job the command has next to nothing of the memory.
    peaks: bool = True


@dataclass
class Taken:
    """What a contestant's runs took, and why it is out."""

    walls_s: list[float] = field(default_factory=list)
    steadies_s: list[float] = field(default_factory=list)
    peaks_bytes: list[int] = field(default_factory=list)
    out: str = ""
    # The digest of its results.
    answer: str = ""

    def seconds(self, steady: bool) -> list[float]:
        return self.steadies_s if steady else self.walls_s

    @property
    def peak_bytes(self) -> float:
        return statistics.median(self.peaks_bytes)


class _Out(Exception):
    """Why somebody can't go on."""


def held(
    contest: Contest,
    *,
    runs: int,
    limit_s: float,
    without: Collection[str] = (),
    before: Mapping[str, Taken] | None = None,
) -> dict[str, Taken]:
    """Runs them all, but for those `without`; goes on from what they took `before`."""
    earlier = copy.deepcopy(dict(before or {}))
    taken = {
        one.name: replace(
            earlier.get(one.name) or Taken(),
            out=LEFT_OUT if one.name in without else one.lack(),
        )
        for one in contest.contestants
    }
    wanted = next((mine.answer for mine in taken.values() if mine.answer), "")
    for turn in range(runs + 1):
        for one in contest.contestants:
            mine = taken[one.name]
            if mine.out or len(mine.walls_s) >= runs:
                continue
            print(f"{contest.name}: {one.name}, run {turn}", file=sys.stderr, flush=True)
            try:
                found = _run(one, contest, limit_s, mine, warmup=turn == 0)
                wanted = wanted or found
                mine.answer = wanted
                mine.out = "" if found == wanted else "its result differs from ours"
            except _Out as out:
                mine.out = str(out)
            if mine.out:
                print(f"{contest.name}: {one.name} is out: {mine.out}", file=sys.stderr)
    return taken


def _run(one: Contestant, contest: Contest, limit_s: float, mine: Taken, *, warmup: bool) -> str:
    """The digest of its result; what it took goes into `mine`."""
    base = os.environ.get("MAPRED_BENCHMARK_TMP")
    folder = Path(tempfile.mkdtemp(prefix="benchmark-", dir=base))
    try:
        output = folder / "output"
        places = {_OUTPUT: str(output), _FOLDER: str(folder)}
        command = [_placed(word, places) for word in one.command]
        started = time.perf_counter()
        process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, **one.environment},
            start_new_session=True,
        )
        peak = PeakMemory(process.pid)
        try:
            words, errors = process.communicate(timeout=limit_s)
            wall_s = time.perf_counter() - started
        except subprocess.TimeoutExpired:
            raise _Out(f"it took more than {limit_s:g} s") from None
        finally:
            peak.stop()
            _end(process)
        if process.returncode:
            lines = errors.decode(errors="replace").strip().splitlines() or ["no words"]
            raise _Out(f"it failed with {process.returncode}: {lines[-1][:300]}")
        if not warmup or wall_s >= _LONG_S:
            mine.walls_s.append(wall_s)
            mine.peaks_bytes.append(peak.bytes)
            mine.steadies_s.append(_steady_s(words, wall_s))
        return contest.answer(output)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _placed(word: str, places: Mapping[str, str]) -> str:
    for name, place in places.items():
        word = word.replace(name, place)
    return word


def _end(process: subprocess.Popen[bytes]) -> None:
    """With all its children, of which some of a peer's outlive it."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate(timeout=_STOP_S)


def _steady_s(words: bytes, otherwise: float) -> float:
    for line in reversed(words.decode(errors="replace").splitlines()):
        if line.startswith('{"steady_s"'):
            return float(json.loads(line)["steady_s"])
    return otherwise
