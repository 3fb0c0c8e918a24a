"""Checkpoints of a loop: a state file and a manifest that makes it count.

    OUTPUT/_checkpoints/state-<sha256>       a packed state (packed.py)
    OUTPUT/_checkpoints/round-000005.json    the manifest of the state after round 5

The state is written first, then the manifest under a name nobody reads, then that is renamed:
a manifest that can be seen is whole, and so is its state. The last two are kept. A manifest
belongs to one loop over one input: `Origin` says which, and a resume of another is refused.

No round waits for a checkpoint: it is written beside the next one, of the bytes that the state had.
A driver that dies meanwhile goes on from the one before, to the same bits. One is written at a
time; the next one waits for it, and so does the loop's end.
"""

import hashlib
import logging
import re
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from math import isfinite, nan
from typing import Any, Final

import msgspec

from mapred.errors import JobDefinitionError
from mapred.iterative.broadcast import Sent, StateError, read, written
from mapred.iterative.conditions import Stop
from mapred.iterative.packed import PackedError, pack
from mapred.model import JobSpec
from mapred.storage.port import Storage

log = logging.getLogger(__name__)

DIRECTORY: Final = "_checkpoints"
KEPT: Final = 2
_NAME: Final = re.compile(r"round-(\d+)\.json")
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


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A state, and the rounds that led to it."""

    round: int
    state: Any
    rounds: tuple[RoundRecord, ...]
    stop: Stop | None = None


def origin_of(spec: JobSpec) -> Origin:
    splits = hashlib.sha256()
    for file in (file for split in spec.splits for file in split.files):
        splits.update(f"{file.uri}\0{file.start}\0{file.length}\0{file.format}\n".encode())
    return Origin(
        f"{spec.module}:{spec.job_class}", spec.code_sha256, spec.params_json, splits.hexdigest()
    )


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
        """Writes the state as it is now, whatever becomes of it."""
        data = pack(checkpoint.state)
        return lambda: self._write(checkpoint, data)

    def _write(self, checkpoint: Checkpoint, data: bytes) -> None:
        digest = hashlib.sha256(data).hexdigest()
        written(data, digest, self._directory, self._storage)
        manifest = Manifest(
            _FORMAT,
            self._origin,
            checkpoint.round,
            digest,
            [stored(record) for record in checkpoint.rounds],
            checkpoint.stop,
        )
        name = f"{self._directory}/round-{checkpoint.round:06d}.json"
        file = self._storage.open_write(name, overwrite=True)
        try:
            file.write(msgspec.json.encode(manifest))
            file.commit()
        except BaseException:
            file.discard()
            raise
        self._remove_old()

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
                sent = Sent(
                    f"{self._directory}/state-{manifest.state_sha256}", manifest.state_sha256
                )
                state = read(sent, self._storage, copy=True)
            except (FileNotFoundError, StateError, PackedError, msgspec.DecodeError) as error:
                log.warning("checkpoint %s can't be used: %s", uri, error)
                continue
            self._check(manifest, uri)
            rounds = tuple(one.record() for one in manifest.rounds)
            return Checkpoint(manifest.round, state, rounds, manifest.stop)
        return None

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

    def _remove_old(self) -> None:
        manifests = self._manifests()
        kept = self._states_of(manifests[-KEPT:])
        for uri in manifests[:-KEPT]:
            self._storage.delete(uri)
        for uri in self._names():
            if _last(uri).startswith("state-") and _last(uri) not in kept:
                self._storage.delete(uri)

    def _states_of(self, manifests: Iterable[str]) -> set[str]:
        return {f"state-{self._manifest(uri).state_sha256}" for uri in manifests}


def _last(uri: str) -> str:
    return uri.rpartition("/")[2]
