"""Checkpoints of a loop: a state file and a manifest that makes it count.

    OUTPUT/_checkpoints/state-<sha256>       a packed state (packed.py)
    OUTPUT/_checkpoints/round-000005.json    the manifest of the state after round 5
    OUTPUT/_checkpoints/carried-000005-…/    what round 5 has carried on, of a loop that does so
                                             (carriedloop.py), a file a partition

The state, and what is carried, is written first, then the manifest, each under a name nobody reads,
and renamed (mapred/storage/whole.py): a manifest that can be seen is whole, and so is what it
names. The last two are kept. A manifest belongs to one loop over one input: `Origin` says which,
and a resume of another is refused.

No round waits for a checkpoint: it is written beside the next one, of the bytes that the state had.
A driver that dies meanwhile goes on from the one before, to the same bits. One is written at a
time; the next one waits for it, and so does the loop's end.
"""

import hashlib
import logging
import re
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from math import isfinite, nan
from typing import Any, Final

import msgspec

from mapred.errors import JobDefinitionError
from mapred.iterative.broadcast import Sent, StateError, read
from mapred.iterative.conditions import Stop
from mapred.iterative.packed import PackedError, pack
from mapred.model import JobSpec, Split
from mapred.storage.port import Storage
from mapred.storage.whole import UNFINISHED, put

log = logging.getLogger(__name__)

DIRECTORY: Final = "_checkpoints"
KEPT: Final = 2
_NAME: Final = re.compile(r"round-(\d+)\.json")
_CARRIED: Final = re.compile(r"carried-(\d+)-")
_FORMAT: Final = 1


class Origin(msgspec.Struct, frozen=True):
    """Which loop a checkpoint is of."""

    job: str
    code_sha256: str
    params_json: str
    # Of the splits in order: other splits add up in another order, to other last bits.
    splits_sha256: str


class RoundRecord(msgspec.Struct, frozen=True):
    """What is told of one round."""

    number: int
    seconds: float
    metrics: dict[str, float]


class StoredRound(msgspec.Struct, frozen=True):
    """A RoundRecord in JSON, which has no word for a metric that isn't finite: null."""

    number: int
    seconds: float
    metrics: dict[str, float | None]

    def record(self) -> RoundRecord:
        metrics = {name: nan if value is None else value for name, value in self.metrics.items()}
        return RoundRecord(self.number, self.seconds, metrics)


def stored(record: RoundRecord) -> StoredRound:
    metrics = {name: value if isfinite(value) else None for name, value in record.metrics.items()}
    return StoredRound(record.number, record.seconds, metrics)


class Manifest(msgspec.Struct, frozen=True):
    """One checkpoint."""

    format: int
    origin: Origin
    round: int
    state_sha256: str
    rounds: list[StoredRound]
    # When this is the loop's end.
    stop: Stop | None = None
    # Of a loop that carries its records on: the state that the round's tasks saw, and for each
    # partition the file below the directory, or "".
    before_sha256: str = ""
    carried: list[str] = []


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A state, and the rounds that led to it."""

    round: int
    state: Any
    rounds: tuple[RoundRecord, ...]
    stop: Stop | None = None
    # As in the manifest: the state, and files, by URI when it was read.
    before: Any = None
    carried: tuple[str, ...] = ()


def origin_of(spec: JobSpec) -> Origin:
    splits = hashlib.sha256()
    for file in (file for split in spec.splits for file in split.files):
        splits.update(f"{file.uri}\0{file.start}\0{file.length}\0{file.format}\n".encode())
    return Origin(
        f"{spec.module}:{spec.job_class}", spec.code_sha256, spec.params_json, splits.hexdigest()
    )


def saved_splits(checkpoint: Checkpoint, storage: Storage) -> list[Split]:
    """What is carried, a split a partition."""
    lengths = [storage.stat(uri).length if uri else 0 for uri in checkpoint.carried]
    return [
        Split(uri or f"partition:{at}", 0, length, format="packed")
        for at, (uri, length) in enumerate(zip(checkpoint.carried, lengths, strict=True))
    ]


class Checkpoints:
    """The checkpoints below one output directory."""

    def __init__(self, output_uri: str, storage: Storage, origin: Origin) -> None:
        self._directory = f"{output_uri}/{DIRECTORY}"
        self._storage = storage
        self._origin = origin
        self._beside = ThreadPoolExecutor(1, thread_name_prefix="checkpoints")
        # The last that was put; done when it is durable.
        self._written: Future[None] | None = None

    def put(self, checkpoint: Checkpoint) -> None:
        """That of a loop's end is durable when it returns; another one is before the next.

        Raises:
            PackedError: the state has a part that can't be packed.
            OSError, StoreError: it can't be written, or the one before couldn't.
        """
        if self._written is not None:
            self._written.result()
        write = self._writer(checkpoint)
        if checkpoint.stop:
            write()
        else:
            self._written = self._beside.submit(write)

    def close(self) -> None:
        """Waits for what is being written; whether it failed is asked by the next `put` alone."""
        self._beside.shutdown()

    def save(self, checkpoint: Checkpoint) -> None:
        """Durable and visible when it returns; older ones but the last are removed."""
        self._writer(checkpoint)()

    def _writer(self, checkpoint: Checkpoint) -> Callable[[], None]:
        """Writes the states as they are now, whatever becomes of them."""
        data = pack(checkpoint.state)
        before = pack(checkpoint.before) if checkpoint.carried else None
        return lambda: self._write(checkpoint, data, before)

    def _write(self, checkpoint: Checkpoint, data: bytes, before: bytes | None) -> None:
        digest = self._state_written(data)
        before_digest = "" if before is None else self._state_written(before)
        manifest = Manifest(
            _FORMAT,
            self._origin,
            checkpoint.round,
            digest,
            [stored(record) for record in checkpoint.rounds],
            checkpoint.stop,
            before_digest,
            list(checkpoint.carried),
        )
        name = f"{self._directory}/round-{checkpoint.round:06d}.json"
        put(name, msgspec.json.encode(manifest), self._storage)
        self._remove_old(checkpoint.round)

    def _state_written(self, data: bytes) -> str:
        digest = hashlib.sha256(data).hexdigest()
        uri = self.place(f"state-{digest}")
        try:
            there = self._storage.stat(uri).length == len(data)
        except FileNotFoundError:
            there = False
        if not there:
            put(uri, data, self._storage)
        return digest

    def settle(self) -> None:
        """Waits for what is being written."""
        if self._written is not None:
            wait((self._written,))

    def __bool__(self) -> bool:
        """Whether there is any."""
        return bool(self._manifests())

    def latest(self) -> Checkpoint | None:
        """The newest that can be read; None when there is none.

        Raises:
            JobDefinitionError: it is of another job, input or parameters.
        """
        for uri in reversed(self._manifests()):
            try:
                manifest = self._manifest(uri)
                state = self._state(manifest.state_sha256)
                before = self._state(manifest.before_sha256) if manifest.carried else None
                carried = tuple(name and self.place(name) for name in manifest.carried)
                for name in filter(None, carried):
                    self._storage.stat(name)
            except (FileNotFoundError, StateError, PackedError, msgspec.DecodeError) as error:
                log.warning("checkpoint %s can't be used: %s", uri, error)
                continue
            self._check(manifest, uri)
            rounds = tuple(one.record() for one in manifest.rounds)
            return Checkpoint(manifest.round, state, rounds, manifest.stop, before, carried)
        return None

    def place(self, name: str) -> str:
        return f"{self._directory}/{name}"

    def _state(self, sha256: str) -> Any:
        return read(Sent(self.place(f"state-{sha256}"), sha256), self._storage, copy=True)

    def _check(self, manifest: Manifest, uri: str) -> None:
        if manifest.format != _FORMAT:
            raise JobDefinitionError(
                f"{uri} is a checkpoint of format {manifest.format}, this version reads {_FORMAT}"
            )
        differences = [
            words
            for name, words in (
                ("job", "another job"),
                ("code_sha256", "the same job with other code"),
                ("params_json", "the same job with other parameters"),
                ("splits_sha256", "other input, or input that was cut in another way"),
            )
            if getattr(manifest.origin, name) != getattr(self._origin, name)
        ]
        if differences:
            raise JobDefinitionError(
                f"{uri} is a checkpoint of {differences[0]}. Resume with what it was begun with, "
                "or choose another output directory"
            )

    def _manifest(self, uri: str) -> Manifest:
        with self._storage.open_read(uri) as file:
            return msgspec.json.decode(file.read(), type=Manifest)

    def _names(self) -> list[str]:
        try:
            return [entry.uri for entry in self._storage.entries(self._directory)]
        except FileNotFoundError:
            return []

    def _manifests(self) -> list[str]:
        """URIs, oldest first."""
        return sorted(uri for uri in self._names() if _NAME.fullmatch(_last(uri)))

    def _remove_old(self, number: int) -> None:
        """When the checkpoint of that round is there."""
        manifests = self._manifests()
        kept = self._named_by(manifests[-KEPT:])
        for uri in manifests[:-KEPT]:
            self._storage.delete(uri)
        for uri in self._names():
            name = _last(uri)
            carried = _CARRIED.match(name)
            # That of a later round may be being written.
            old = name.startswith(("state-", UNFINISHED)) or (carried and int(carried[1]) <= number)
            if old and name not in kept:
                self._storage.delete(uri)

    def _named_by(self, manifests: Iterable[str]) -> set[str]:
        """States, and directories of what is carried."""
        named: set[str] = set()
        for uri in manifests:
            try:
                manifest = self._manifest(uri)
            except (FileNotFoundError, msgspec.DecodeError):
                continue
            named |= {f"state-{manifest.state_sha256}", f"state-{manifest.before_sha256}"}
            named |= {name.partition("/")[0] for name in manifest.carried}
        return named


def _last(uri: str) -> str:
    return uri.rpartition("/")[2]
