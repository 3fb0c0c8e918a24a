"""The driver of a loop that carries its records on: rounds are waves (carried.py says which).

    OUTPUT/_checkpoints/carried-000004-<hex>/carried-m-00003.packed   what a checkpoint has saved

It goes back to the last checkpoint, or the start, when something of the last wave is lost with its
tracker: what the wave before had left may be gone, too. The rounds are done anew, to the same bits.
"""

import logging
import uuid
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import wait
from dataclasses import replace
from typing import Any, Final

from mapred.engine import TRANSIENT_OUTPUT
from mapred.errors import JobDefinitionError, JobFailedError
from mapred.inlinefiles import is_inline
from mapred.iterative.broadcast import INLINE_BYTES_MAX, Sent, send
from mapred.iterative.carried import (
    Addresses,
    CarriedLostError,
    CarrySettings,
    Left,
    is_lost,
    to_be_found,
)
from mapred.iterative.checkpoint import KEPT, Checkpoint, saved_splits
from mapred.iterative.conditions import Stop
from mapred.iterative.grouping import Task
from mapred.iterative.reducing import pairs_in
from mapred.iterative.rounds import PLACED, Loop, RoundFailedError
from mapred.levels import fetching_split
from mapred.model import DONE_WITH, SKIPPING, JobSpec, JobStatus
from mapred.storage.committing import TEMPORARY
from mapred.storage.uris import join, name_of

log = logging.getLogger(__name__)

# Without a round further than ever before. A machine that dies in each of so many tries is no
# accident: rounds take longer than machines live, or than what is carried is kept.
GOINGS_BACK_MAX: Final = 5


class CarriedLoop(Loop):
    """One loop. `run` is called once; `kill` from any thread."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        if SKIPPING in self.spec.settings:
            raise JobDefinitionError(
                f"{self.spec.name} carries its records on, and can't set any aside: leave "
                "on_bad_record and on_error as they are"
            )
        # What the last wave has left, and what the one before had, which the end begins with.
        self._left: Sequence[Left] = ()
        self._left_before: Sequence[Left] = ()
        self._addresses = Addresses()
        # What is placed, if anything is.
        self._placed_uri = ""
        # The file that the last wave found it by, if it was large.
        self._sources_uri = ""
        # The state that the last wave saw.
        self._seen: Any = None
        # Jobs whose leavings nobody asks for any more.
        self._done_with: set[str] = set()
        # Of the round that was done last: its files in the store, by partition.
        self._saved: tuple[str, ...] = ()
        self._furthest = 0
        self._gone_back = 0
        # By round: as they were at the checkpoints that it may go back to.
        self._counters_at: dict[int, Counter[tuple[str, str]]] = {}
        self._files: tuple[str, ...] = ()

    def _rounds(self, stop: Stop | None) -> Stop:
        if stop is not None:
            self._files = self._parts_there()
            return stop
        # Where it goes back to when there is no checkpoint.
        self._begin = self._job.ctx.state if self._resumed is None else None
        while True:
            try:
                stop = super()._rounds(None)
                self._files = self._written()
                return stop
            except CarriedLostError as lost:
                self._go_back(str(lost))
            except RoundFailedError as failed:
                if not is_lost(failed.status):
                    raise
                self._go_back(failed.status.failures[0].reason)

    def _go_back(self, why: str) -> None:
        """To the last checkpoint, or the start.

        Raises:
            JobFailedError: it has done so too often.
        """
        ctx = self._job.ctx
        self._gone_back = 1 if ctx.round > self._furthest else self._gone_back + 1
        self._furthest = max(self._furthest, ctx.round)
        if self._gone_back > GOINGS_BACK_MAX:
            raise JobFailedError(
                f"the loop went back {GOINGS_BACK_MAX} times and came no further than round "
                f"{self._furthest}; the last reason: {why}. Have it save more often what it "
                "carries: checkpoint_every, in the job"
            )
        # What is sent again mustn't be removed after that.
        wait(self._sweeping)
        self._checkpoints.settle()
        self._resumed = self._checkpoints.latest()
        ctx.round = 0
        self._start()
        log.warning("the loop goes back from round %d to %d: %s", self._furthest, ctx.round, why)
        self._records = list(self._resumed.rounds) if self._resumed else []
        # None of what a driver before this one has counted.
        self._counters = Counter(self._counters_at.get(ctx.round, {}))
        self._done_with |= {one.job_id for one in (*self._left, *self._left_before)}
        self._left = self._left_before = ()
        self._listener.went_back(ctx.round, self._counters)

    # --- waves

    def _round(self, number: int, state: Any) -> Any:
        if self._unplaced:
            self._place_input(number, state, self._sent(state))
        if not self._left:
            self._left = self._opened(number - 1, state)
        every = self._job.checkpoint_every
        saves = bool(every) and number % every == 0
        output_uri = self._place(f"round-{number:06d}")
        if saves:
            output_uri = self._checkpoints.place(f"carried-{number:06d}-{uuid.uuid4().hex[:8]}")
        spec = self._wave(number, self._sent(state), CarrySettings(self.spec.reducers, saves=saves))
        name = f"{self.spec.name} round {number}"
        status = self._done(number, replace(spec, name=name, output_uri=output_uri))
        self._counters.update(status.counters)
        left, told = self._told(status)
        next_state = self._job.step(state, iter(told))
        self._saved = self._files_saved(output_uri, status) if saves else ()
        if not saves and not all(map(is_inline, status.output_files)):
            self._sweep(output_uri)
        self._left_before, self._left, self._seen = self._left, left, state
        # If the next round is the last one, the end begins with what this one has left.
        self._done_with = {one.job_id for one in self._left_before}
        return next_state

    def _place_input(self, number: int, state: Any, sent: Sent) -> None:
        """What the tasks find beside what is carried. It stays when the loop goes back."""
        self._unplaced = False
        self._placed(number, state, sent, self.spec.reducers)
        self._placed_uri = self._place(PLACED)
        self._counters_at[number - 1] = Counter(self._counters)

    def _opened(self, number: int, state: Any) -> Sequence[Left]:
        """What the maps leave that read the input; after a checkpoint, those that read what it
        has saved, and see what the maps of that round saw."""
        if self._resumed is None:
            seen, tasks = state, self._tasks(number + 1, state, type(self._job))
        else:
            seen = self._resumed.before
            saved = saved_splits(self._resumed, self._storage)
            tasks = [Task(split, at) for at, split in enumerate(saved)]
        sent = self._sender.send(seen)
        self._sent_uris |= sent.uris
        settings = self._settings(number, sent, tasks)
        if self._resumed is None:
            # Nothing is read again.
            settings = replace(settings, pinned_bytes=0)
        spec = self._cut(tasks, settings)
        carry = CarrySettings(
            self.spec.reducers,
            restores=self._resumed is not None,
            placed_uri=self._placed_uri,
        )
        own = carry.settings() | self._forgetting()
        spec = replace(
            spec,
            name=f"{self.spec.name} opening",
            reducers=0,
            output_uri=self._place(f"opening-{uuid.uuid4().hex[:8]}"),
            settings={**spec.settings, **own},
        )
        status = self._done(number, spec)
        self._counters.update(status.counters)
        self._listener.placed()
        return self._told(status)[0]

    def _wave(self, number: int, sent: Sent, own: CarrySettings) -> JobSpec:
        """A task a partition, over what the last wave has left.

        Raises:
            CarriedLostError: a tracker that has part of it is gone.
        """
        self._addresses.heard(self._engine.trackers())
        at = self._addresses.of(self._left)
        value = to_be_found(self._left, at)
        sources = send(value, self._place(), self._storage, inline_max=INLINE_BYTES_MAX)
        if self._sources_uri:
            self._sweep(self._sources_uri)
        self._sources_uri = sources.uri
        # A partition stays where it is: records that don't move to another cross no network.
        hosts = [(info.host,) for info in at] if len(at) == own.partitions else []
        splits = [
            replace(fetching_split(number), hosts=hosts[number] if hosts else ())
            for number in range(own.partitions)
        ]
        tasks = [Task(split, number) for number, split in enumerate(splits)]
        spec = self._cut(tasks, self._settings(number, sent, tasks))
        own = replace(own, sources=sources, placed_uri=self._placed_uri)
        carried = own.settings() | self._forgetting()
        return replace(spec, reducers=0, settings={**spec.settings, **carried})

    def _forgetting(self) -> dict[str, str]:
        return {DONE_WITH: " ".join(sorted(self._done_with))} if self._done_with else {}

    def _sent(self, state: Any) -> Sent:
        sent = self._sender.send(state)
        for uri in self._sent_uris - sent.uris:
            self._sweep(uri)
        self._sent_uris = sent.uris
        return sent

    def _told(self, status: JobStatus) -> tuple[list[Left], list[tuple[Any, Any]]]:
        """Where the wave has left what it carries, and what it tells `step`."""
        left, told = [], []
        for uri in status.output_files:
            (_, first), *rest = pairs_in((uri,), self._storage)
            left.append(Left(*first))
            told += rest
        return left, told

    # --- what stays

    def _files_saved(self, output_uri: str, status: JobStatus) -> tuple[str, ...]:
        """Of each partition, the file that the wave has saved; "": it has nothing."""
        for uri in status.output_files:
            if not is_inline(uri):
                self._storage.delete(uri)
        self._storage.delete(join(output_uri, TEMPORARY))
        try:
            there = {entry.name for entry in self._storage.entries(output_uri)}
        except FileNotFoundError:
            there = set()
        names = [f"carried-m-{at:05d}.packed" for at in range(self.spec.reducers)]
        folder = name_of(output_uri)
        return tuple(f"{folder}/{name}" if name in there else "" for name in names)

    def _save(self, stop: Stop | None = None) -> None:
        ctx = self._job.ctx
        rounds = tuple(self._records)
        if stop is None:
            before, saved = self._seen, self._saved
            self._checkpoints.put(Checkpoint(ctx.round, ctx.state, rounds, None, before, saved))
            self._counters_at[ctx.round] = Counter(self._counters)
            # One may be on its way.
            for number in sorted(self._counters_at)[: -KEPT - 1]:
                del self._counters_at[number]
        else:
            self._checkpoints.put(Checkpoint(ctx.round, ctx.state, rounds, stop))

    def _written(self) -> tuple[str, ...]:
        """The loop's output: what the last round has reduced, reduced once more to be written."""
        number = self._job.ctx.round
        self._done_with |= {one.job_id for one in (*self._left, *self._left_before)}
        self._left = self._left_before
        sent = self._sender.send(self._seen)
        spec = self._wave(number, sent, CarrySettings(self.spec.reducers, ends=True))
        spec = replace(
            spec,
            name=f"{self.spec.name} output",
            output_uri=self._place(f"end-{uuid.uuid4().hex[:8]}"),
            output_format=self.spec.output_format,
            settings={k: v for k, v in spec.settings.items() if k != TRANSIENT_OUTPUT},
        )
        status = self._done(number, spec)
        self._counters.update(status.counters)
        files = []
        for uri in status.output_files:
            files.append(join(self.spec.output_uri, name_of(uri)))
            self._storage.rename(uri, files[-1])
        return tuple(files)

    def _parts_there(self) -> tuple[str, ...]:
        """Of a loop that had come to its end: they are put there before that is written down."""
        entries = self._storage.entries(self.spec.output_uri)
        return tuple(entry.uri for entry in entries if entry.name.startswith("part-r-"))

    def _publish(self, stop: Stop) -> tuple[str, ...]:
        self._write_success(stop, self._files)
        return self._files
