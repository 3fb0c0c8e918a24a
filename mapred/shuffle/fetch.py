"""The reduce side of the shuffle: one partition of every map's output, in order of the maps.

- An output of this very tracker is opened in place, after its checksums were verified; that of
  another one whose disk is here, too, by a link (beside.py). Small segments of either are read
  into memory at once, as long as there's room.
- Others come as raw bytes from their TaskTracker, several at a time in random order, so that
  reduces don't queue at one tracker. They stay in memory within a budget, else go to disk.
- A fetch that fails a few times is reported as lost, once per announcement; the map is then
  waited for until somebody announces its output again, the same or another attempt's.
- What arrives after a map's bytes are here doesn't matter.
- Sheets (sheets.py), of maps with many tiny partitions, are asked for by tracker, all at once, when
  every output has been announced (sheetqueue.py, sheetfetch.py).

The result doesn't depend on the order of arrival: segments are listed by map.
"""

import queue
import random
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final, Protocol, TypeAlias

from blockstore.runtime.heap import GivingBack, give_back_freed_memory
from mapred.errors import FetchError
from mapred.model import MapOutput
from mapred.shuffle.announced import Batch, Known
from mapred.shuffle.beside import linked
from mapred.shuffle.budget import Budget
from mapred.shuffle.frames import FileSegment, MemorySegment, Segment
from mapred.shuffle.indexes import INDEXES, INDEXES_BYTES
from mapred.shuffle.packs import is_sheet
from mapred.shuffle.pieces import Piece, interleaved
from mapred.shuffle.segments import verify, verify_file
from mapred.shuffle.sheetfetch import Pieces, Taken, taken_here
from mapred.shuffle.sheetqueue import SheetQueue
from mapred.shuffle.sink import Memory, Sink
from mapred.shuffle.tiny import TINY_BYTES, read

# As in Hadoop; more only helps where single connections are slow.
_COPIES_AT_ONCE: Final = 5
# Of what may be held: for indexes.
_INDEXES_SHARE: Final = 8
# What a small segment takes up beside its bytes.
_OVERHEAD_BYTES: Final = 300
# How often the loop gives a sign of life while it waits.
_WAIT_S: Final = 0.25


class Remote(Protocol):
    """Gets a partition of a map output from another tracker."""

    def fetch(self, output: MapOutput, sink: Sink) -> None:
        """Raises FetchError when it can't be had after a few tries."""
        ...

    def fetch_sheets(self, outputs: Batch, pieces: Pieces) -> Taken:
        """Of sheets of one tracker. Raises FetchError when it can't be asked."""
        ...

    def close(self) -> None: ...


# (map output, its segment or why there's none, its rows); an empty segment is None.
_Arrival: TypeAlias = tuple[MapOutput, "Segment | FetchError | None", int]
# Sheets that were asked for together, and what came.
_Answer: TypeAlias = tuple[Batch, "Taken | FetchError"]
Event: TypeAlias = "list[MapOutput] | Known | _Arrival | _Answer"


class Shuffle:
    """Fetches for one reduce attempt. `announce` may be called from any thread."""

    def __init__(
        self,
        *,
        maps: int,
        partition: int,
        tracker_id: str,
        folder: Path,
        budget_bytes: int,
        remote: Callable[[], Remote],
        short_circuit: bool,
        on_lost: Callable[[MapOutput, str], None],
        on_progress: Callable[[int, int], None],
        rng: random.Random,
        budget: Budget | None = None,
    ) -> None:
        """`short_circuit`: whether outputs of other trackers are looked for on this machine.
        `budget`: the task's; `budget_bytes` of it are for what is fetched."""
        # Constant after construction.
        self._maps = maps
        self._partition = partition
        self._tracker_id = tracker_id
        self._folder = folder
        self._make_remote = remote
        self._short_circuit = short_circuit
        self._on_lost = on_lost
        self._on_progress = on_progress
        indexes_bytes = min(INDEXES_BYTES, budget_bytes // _INDEXES_SHARE)
        INDEXES.within(indexes_bytes)
        self._memory = Memory(budget_bytes - indexes_bytes)
        # Between threads.
        self._events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._remote_lock = threading.Lock()
        # Guarded by the lock: there when the first output had to be fetched.
        self._remote: Remote | None = None
        # Owned by the thread in `fetched`.
        self._rng = rng
        self._waiting: dict[int, MapOutput] = {}
        # Of those, the ones that nobody is copying: in random order, but for the new ones.
        self._queue: list[int] = []
        self._new: list[int] = []
        self._copying: set[int] = set()
        self._here: dict[int, Segment | None] = {}
        # Maps of which some output was announced.
        self._announced: set[int] = set()
        self._sheets = SheetQueue(rng)
        self._asking = 0
        self._found: list[Piece] = []
        self._budget = budget or Budget.of(0)
        self._pieces = Pieces(partition, self._memory, folder, self._budget.merge_bytes)
        self._came_bytes = 0
        self._giving_back = GivingBack(budget_bytes // 2)
        # Of all segments so far.
        self.rows = 0

    def announce(self, outputs: tuple[MapOutput, ...]) -> None:
        """Outputs that can be fetched from now on; a later one of a map replaces."""
        self._events.put(list(outputs))

    def begin_with(self, known: Known) -> None:
        """All outputs that can be fetched; before any is announced."""
        self._events.put(known)

    def fetched(self) -> list[Segment]:
        """Every map's segment, in order of the maps, without the empty ones; waits for all."""
        try:
            while len(self._here) < self._maps:
                self._take_events()
                self._start_copies()
                self._ask_for_sheets()
                self._on_progress(len(self._here), self._maps)
        finally:
            if self._remote:
                self._remote.close()
                # What was on its way, in heaps of threads that are gone: the merge has none of it.
                give_back_freed_memory()
        # Held by who gets them alone: they go when he lets them.
        here, self._here = self._here, {}
        found, self._found = self._found, []
        segments = {index: segment for index, segment in here.items() if segment is not None}
        return interleaved(found, segments, self._budget.frame_bytes)

    def _take_events(self) -> None:
        try:
            self._take(self._events.get(timeout=_WAIT_S))
            while True:
                self._take(self._events.get_nowait())
        except queue.Empty:
            pass

    def _take(self, event: Event) -> None:
        if isinstance(event, Known):
            self._sheets.begin_with(event.sheets)
            for batch in event.sheets:
                self._announced.update(batch)
            event = list(event.others)
        if isinstance(event, list):
            self._take_announced(event)
            return
        if len(event) == 2:
            self._take_answer(*event)
            return
        output, result, rows = event
        index = output.map_index
        self._copying.discard(index)
        if isinstance(result, FetchError):
            if index in self._waiting:
                self._new.append(index)
            self._on_lost(output, str(result))
        else:
            self._waiting.pop(index, None)
            self._here[index] = result
            self.rows += rows
            if self._remote and result is not None:
                self._came_bytes += result.length
                self._giving_back.passed(self._came_bytes)

    def _take_announced(self, outputs: list[MapOutput]) -> None:
        self._sheets.release()
        for output in outputs:
            index = output.map_index
            if index in self._here:
                continue
            self._announced.add(index)
            if is_sheet(output.path):
                self._waiting.pop(index, None)
                self._sheets.put(output)
                continue
            self._sheets.drop((index,))
            if index not in self._waiting and index not in self._copying:
                self._new.append(index)
            self._waiting[index] = output

    def _take_answer(self, batch: Batch, answer: "Taken | FetchError") -> None:
        self._asking -= 1
        if isinstance(answer, FetchError):
            for output in self._sheets.unanswered(batch):
                self._on_lost(output, str(answer))
            return
        self._sheets.answered(batch)
        came = batch.keys() - answer.lost.keys() if answer.lost else batch
        self._here.update(dict.fromkeys(came))
        self._sheets.drop(came)
        self._found += answer.pieces
        self.rows += answer.rows
        for index, reason in answer.lost.items():
            self._on_lost(batch[index], reason)

    def _ask_for_sheets(self) -> None:
        # Most often none is a sheet.
        if len(self._announced) < self._maps:
            return
        while self._asking < _COPIES_AT_ONCE:
            batch = self._sheets.next_batch(self._copying)
            if batch is None:
                return
            self._asking += 1
            threading.Thread(
                target=self._copy_sheets, args=(batch,), name="fetch-sheets", daemon=True
            ).start()

    def _copy_sheets(self, batch: Batch) -> None:
        try:
            ours = next(iter(batch.values())).tracker_id == self._tracker_id
            if ours:
                answer = taken_here(batch, self._pieces)
            else:
                answer = self._there().fetch_sheets(batch, self._pieces)
            self._events.put((batch, answer))
        except Exception as error:
            self._events.put((batch, FetchError(str(error))))

    def _start_copies(self) -> None:
        new, self._new = self._new, []
        self._rng.shuffle(new)
        for index in new:
            if self._sheets.is_asked(index):
                # An answer is on its way.
                self._new.append(index)
                continue
            output = self._waiting.get(index)
            if output is None:
                continue
            found = self._at_once(output)
            if found is not None:
                del self._waiting[index]
                self._take((output, *found))
                continue
            # One step of a shuffle, so that it costs as little with thousands.
            at = self._rng.randrange(len(self._queue) + 1)
            self._queue.append(index)
            self._queue[at], self._queue[-1] = index, self._queue[at]
        while self._queue and len(self._copying) < _COPIES_AT_ONCE:
            index = self._queue.pop()
            output = self._waiting.pop(index, None)
            if output is None:
                continue
            self._copying.add(index)
            threading.Thread(
                target=self._copy, args=(output,), name=f"fetch-{index}", daemon=True
            ).start()

    def _at_once(self, output: MapOutput) -> tuple["Segment | FetchError | None", int] | None:
        """What is on this tracker, or small and on this machine; None: it has to be fetched."""
        ours = output.tracker_id == self._tracker_id
        if not ours and not self._short_circuit:
            return None
        try:
            start, length = INDEXES.segment(output.path, self._partition)
            if not length:
                return None, 0
            if length <= TINY_BYTES and self._memory.reserve(length + _OVERHEAD_BYTES):
                return self._read(output.path, start, length)
            if not ours:
                return None
            rows = verify_file(output.path, start, length)
            return FileSegment(output.path, start, length), rows
        except FetchError as error:
            return (error, 0) if ours else None
        except ValueError:
            # A path that this system doesn't have.
            return None

    def _read(self, path: str, start: int, length: int) -> tuple[Segment, int]:
        try:
            what = f"{path} at {start}"
            data = read(path, start, length)
            return MemorySegment(data, what), verify(data, what=what)
        except FetchError:
            self._memory.release(length + _OVERHEAD_BYTES)
            raise

    def _there(self) -> Remote:
        with self._remote_lock:
            if self._remote is None:
                self._remote = self._make_remote()
            return self._remote

    def _copy(self, output: MapOutput) -> None:
        what = f"output of map {output.map_index} from {output.tracker_id}"
        sink = Sink(self._memory, self._folder / f"fetched-{output.map_index}", what)
        try:
            found = self._beside(output)
            if found is None:
                self._there().fetch(output, sink)
                found = sink.finish()
            self._events.put((output, *found))
        except Exception as error:
            sink.restart()
            self._events.put((output, FetchError(str(error)), 0))

    def _beside(self, output: MapOutput) -> tuple[Segment | None, int] | None:
        if not self._short_circuit:
            return None
        return linked(output, self._partition, self._folder / f"beside-{output.map_index}")
