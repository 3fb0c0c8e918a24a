"""Whole processes timed by the operating system, in turn, so that a noisy machine hurts both.

A B A B …: one warm-up of each, then the counted runs; the ratio is the median of the
pairs' ratios. Memory is the sum over the process tree, sampled ten times a second.
"""

import os
import statistics
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import psutil

SAMPLE_INTERVAL_S: Final = 0.1


@dataclass(frozen=True)
class Run:
    """One process and its children, from start to end."""

    wall_s: float
    cpu_s: float
    peak_tree_bytes: int


@dataclass(frozen=True)
class Side:
    """One of the things compared: a command, and what makes the stage clean before each run."""

    name: str
    command: Sequence[str]
    before: Callable[[], None] = lambda: None
    environment: Mapping[str, str] | None = None


@dataclass(frozen=True)
class Comparison:
    """Runs of ours and of a peer, taken in turn."""

    ours: str
    peer: str
    runs: Mapping[str, Sequence[Run]]

    def median_wall_s(self, name: str) -> float:
        return statistics.median(run.wall_s for run in self.runs[name])

    def peak_bytes(self, name: str) -> int:
        return max(run.peak_tree_bytes for run in self.runs[name])

    @property
    def speed_ratio(self) -> float:
        """How many times the peer's speed ours is: above 1 we are faster."""
        pairs = zip(self.runs[self.peer], self.runs[self.ours], strict=True)
        return statistics.median(peer.wall_s / ours.wall_s for peer, ours in pairs)


def compare(ours: Side, peer: Side, *, runs: int) -> Comparison:
    """Runs both in turn.

    Raises:
        subprocess.CalledProcessError: a command failed; its stderr is in the error.
    """
    taken: dict[str, list[Run]] = {ours.name: [], peer.name: []}
    for number in range(runs + 1):
        for side in (ours, peer):
            side.before()
            run = run_once(side)
            if number:
                taken[side.name].append(run)
    return Comparison(ours.name, peer.name, taken)


def run_once(side: Side) -> Run:
    started = time.perf_counter()
    process = subprocess.Popen(
        side.command,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env={**os.environ, **(side.environment or {})},
    )
    peak = PeakMemory(process.pid)
    before = os.times()
    _, error = process.communicate()
    wall_s = time.perf_counter() - started
    after = os.times()
    peak.stop()
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, side.command, stderr=error)
    cpu_s = (after.children_user - before.children_user) + (
        after.children_system - before.children_system
    )
    return Run(wall_s, cpu_s, peak.bytes)


class PeakMemory:
    """Samples a tree's proportional memory until stopped."""

    def __init__(self, pid: int) -> None:
        self.bytes = 0
        self._root = psutil.Process(pid)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)
        self._thread.start()

    def _sample(self) -> None:
        while not self._ended.wait(SAMPLE_INTERVAL_S):
            try:
                tree = [self._root, *self._root.children(recursive=True)]
            except psutil.Error:
                return
            self.bytes = max(self.bytes, sum(_pss(process) for process in tree))

    def stop(self) -> None:
        self._ended.set()
        self._thread.join()


def _pss(process: psutil.Process) -> int:
    try:
        return int(process.memory_full_info().pss)
    except psutil.Error:
        return 0
