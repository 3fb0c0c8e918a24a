"""The state of a round on its way to every task: a file named by its hash, and its settings.

The driver writes a state once and only when it changed; a task process reads it once and
keeps the last one, since its next task most likely wants the same. Both know it by its
SHA-256: a task that reads other bytes fails instead of computing with them. A small state
travels in the settings themselves, and no file is written or read for it. A large file is cut into
chunks (chunks.py), comes to a machine once, from others that have it or else from where it was
written (swarm.py), and the machine's processes share the memory (nodecopy.py).

Large arrays of a state that is a dict are files of their own. Those that a step hands on as they
are (the degrees of a graph beside its ranks) are sent, and read by each process, once a loop.
"""

import base64
import binascii
import hashlib
import json
import logging
import threading
import zlib
from collections.abc import Mapping
from dataclasses import astuple, dataclass, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from mapred.engine import TRANSIENT_OUTPUT
from mapred.inlinefiles import BYTES_MAX
from mapred.iterative.chunks import BYTES_MIN, chunks_in, cut
from mapred.iterative.gather import NotWholeError, Peer, Traffic
from mapred.iterative.nodecopy import Node, forget_others, node_copy
from mapred.iterative.packed import ARRAY_KINDS, pack, unpack
from mapred.iterative.status import STATE_URI
from mapred.model import PROCESS_FAMILY
from mapred.storage import storage_for
from mapred.storage.port import Storage

log = logging.getLogger(__name__)

_PREFIX: Final = "loop."
# The JobTracker writes settings into its journal and keeps those of jobs that have ended.
INLINE_BYTES_MAX: Final = 8 * 1024
# A smaller array isn't worth a file.
PART_BYTES_MIN: Final = 32 * 1024


class StateError(OSError):
    """A state file isn't what the driver wrote."""


@dataclass(frozen=True, slots=True)
class Part:
    """An array of a state, in a file."""

    name: str
    uri: str
    sha256: str
    # Of a large one, as text; its hash is theirs then.
    chunks: str = ""


@dataclass(frozen=True, slots=True)
class Sent:
    """A state that tasks can read: in a file, or right here as base64; without its `parts`."""

    uri: str
    sha256: str
    inline: str = ""
    parts: tuple[Part, ...] = ()
    # As of a Part.
    chunks: str = ""

    @property
    def is_cut(self) -> bool:
        """Some of it is gathered from other machines."""
        return bool(self.chunks) or any(part.chunks for part in self.parts)

    @property
    def uris(self) -> set[str]:
        return {part.uri for part in self.parts} | ({self.uri} if self.uri else set())


@dataclass(frozen=True, slots=True)
class RoundSettings:
    """What the tasks of a round know of their loop; travels in `JobSpec.settings`."""

    state: Sent
    # From 1.
    number: int
    # Names the loop.
    lineage: str
    # How much of it a worker process may keep, bytes.
    pinned_bytes: int
    # Loops of one family are served by the same processes.
    family: str = ""
    # What is kept decoded belongs to this, which loops that read the same share; "": to the loop.
    pinned_for: str = ""
    # Of each map task, the number of its first split among all of the loop's.
    first_splits: tuple[int, ...] = ()
    # Trackers that may have a large state, or gather it, too.
    peers: tuple[Peer, ...] = ()

    def settings(self) -> dict[str, str]:
        return {
            TRANSIENT_OUTPUT: str(BYTES_MAX),
            f"{_PREFIX}state_inline": self.state.inline,
            STATE_URI: self.state.uri,
            f"{_PREFIX}state_sha256": self.state.sha256,
            f"{_PREFIX}state_parts": json.dumps(list(map(astuple, self.state.parts))),
            f"{_PREFIX}state_chunks": self.state.chunks,
            f"{_PREFIX}peers": json.dumps(list(map(astuple, self.peers))),
            f"{_PREFIX}round": str(self.number),
            f"{_PREFIX}lineage": self.lineage,
            f"{_PREFIX}pinned_bytes": str(self.pinned_bytes),
            f"{_PREFIX}pinned_for": self.pinned_for,
            f"{_PREFIX}first_splits": " ".join(map(str, self.first_splits)),
            PROCESS_FAMILY: self.family or self.lineage,
        }


def round_settings(settings: Mapping[str, str]) -> RoundSettings | None:
    """None when the job is no round of a loop."""
    uri = settings.get(STATE_URI)
    if uri is None:
        return None
    parts = tuple(Part(*part) for part in json.loads(settings[f"{_PREFIX}state_parts"]))
    return RoundSettings(
        Sent(
            uri,
            settings[f"{_PREFIX}state_sha256"],
            settings[f"{_PREFIX}state_inline"],
            parts,
            settings[f"{_PREFIX}state_chunks"],
        ),
        int(settings[f"{_PREFIX}round"]),
        settings[f"{_PREFIX}lineage"],
        int(settings[f"{_PREFIX}pinned_bytes"]),
        pinned_for=settings[f"{_PREFIX}pinned_for"],
        first_splits=tuple(map(int, settings[f"{_PREFIX}first_splits"].split())),
        peers=tuple(Peer(*peer) for peer in json.loads(settings[f"{_PREFIX}peers"])),
    )


def send(state: Any, directory: str, storage: Storage, *, inline_max: int = 0) -> Sent:
    """Makes the state readable: inline if it's so small, else below `directory`, which costs
    nothing when it is there already.

    Raises:
        PackedError: the state has a part that can't be packed.
    """
    data = pack(state)
    if len(data) <= inline_max:
        return Sent("", hashlib.sha256(data).hexdigest(), base64.b64encode(data).decode())
    digest, chunks = _named(data)
    return Sent(written(data, digest, directory, storage), digest, chunks=chunks)


def _named(data: bytes) -> tuple[str, str]:
    """The hash that is its name, and its chunks, if it's large."""
    if len(data) < BYTES_MIN:
        return hashlib.sha256(data).hexdigest(), ""
    chunks = cut(data)
    return chunks.sha256, chunks.text


def written(data: bytes, digest: str, directory: str, storage: Storage) -> str:
    """Where the bytes are; nothing is done if they are there already."""
    uri = f"{directory}/state-{digest}"
    try:
        if storage.stat(uri).length == len(data):
            return uri
    except FileNotFoundError:
        pass
    file = storage.open_write(uri, overwrite=True)
    try:
        file.write(data)
        file.commit()
    except BaseException:
        file.discard()
        raise
    return uri


class Sender:
    """Sends the states of one loop, one after the other."""

    def __init__(self, directory: str, storage: Storage, *, inline_max: int = 0) -> None:
        self._directory = directory
        self._storage = storage
        self._inline_max = inline_max
        # Of the last state, by name: the array, its checksum then, and where it is.
        self._known: dict[str, tuple[npt.NDArray[Any], int, Part]] = {}

    def send(self, state: Any) -> Sent:
        """As `send` does, with large arrays as parts.

        Raises:
            PackedError: the state has a part that can't be packed.
        """
        rest, apart = _taken_apart(state)
        self._known = {name: self._part(name, array) for name, array in apart.items()}
        sent = send(rest, self._directory, self._storage, inline_max=self._inline_max)
        return replace(sent, parts=tuple(part for _, _, part in self._known.values()))

    def _part(self, name: str, array: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], int, Part]:
        # A tenth of the time of its hash: a step may have changed it in its place.
        checksum = zlib.crc32(np.ascontiguousarray(array).data)
        before = self._known.get(name)
        if before is not None and before[0] is array and before[1] == checksum:
            return before
        data = pack(array)
        digest, chunks = _named(data)
        uri = written(data, digest, self._directory, self._storage)
        return array, checksum, Part(name, uri, digest, chunks)


def _taken_apart(state: Any) -> tuple[Any, dict[str, npt.NDArray[Any]]]:
    """The state with None in the places of its large arrays, and these by name."""
    if type(state) is not dict:
        return state, {}
    apart = {
        name: value
        for name, value in state.items()
        # Of what can't be packed the error names the place.
        if type(name) is str
        and type(value) is np.ndarray
        and value.nbytes >= PART_BYTES_MIN
        and value.dtype.kind in ARRAY_KINDS
    }
    return {name: None if name in apart else value for name, value in state.items()}, apart


def read(
    sent: Sent, storage: Storage, *, copy: bool = False, traffic: Traffic | None = None
) -> Any:
    """The state; its arrays are read-only unless `copy`.

    Raises:
        StateError: the file has other bytes.
    """
    with storage.open_read(sent.uri) as file:
        data = file.read()
    if traffic:
        traffic.from_store += len(data)
    return _unpacked(sent, data, copy=copy)


def _unpacked(sent: Sent, data: bytes, *, copy: bool) -> Any:
    digest = hashlib.sha256(data).hexdigest()
    if sent.chunks:
        digest = cut(data, chunks_in(sent.chunks).chunk_bytes).sha256
    if digest != sent.sha256:
        raise StateError(
            f"{sent.uri or 'the state'} has {len(data)} bytes of another hash: {digest}"
        )
    return unpack(data, copy=copy)


class Receiver:
    """The last state that was read, and its parts. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._hashes: tuple[Any, ...] = ()
        self._state: Any = None
        # By their hashes.
        self._parts: dict[str, Any] = {}
        # There may be a copy of it on this machine.
        self._is_cut = False

    def receive(self, sent: Sent, node: Node | None = None, traffic: Traffic | None = None) -> Any:
        """`node`: where the loop's processes on this machine share what is large; None: they don't.
        To `traffic` is added what is read.

        Raises:
            StateError: a file has other bytes than were sent.
        """
        hashes = (sent.sha256, *((part.name, part.sha256) for part in sent.parts))
        traffic = traffic or Traffic()
        with self._lock:
            if hashes != self._hashes:
                self._parts = {part.sha256: self._part(part, node, traffic) for part in sent.parts}
                found = {part.name: self._parts[part.sha256] for part in sent.parts}
                rest = self._rest(sent, node, traffic)
                self._state = {**rest, **found} if found else rest
                self._hashes = hashes
                if node and (self._is_cut or sent.is_cut):
                    # All processes have the same state next: nobody will look for the old one.
                    forget_others(node.folder, {sent.sha256, *self._parts})
                self._is_cut = sent.is_cut
            return self._state

    def _part(self, part: Part, node: Node | None, traffic: Traffic) -> Any:
        if part.sha256 in self._parts:
            return self._parts[part.sha256]
        return _received(Sent(part.uri, part.sha256, chunks=part.chunks), node, traffic)

    def _rest(self, sent: Sent, node: Node | None, traffic: Traffic) -> Any:
        if not sent.inline:
            return _received(sent, node, traffic)
        try:
            data = base64.b64decode(sent.inline, validate=True)
        except binascii.Error as error:
            raise StateError(f"the state in the settings is damaged: {error}") from None
        return _unpacked(sent, data, copy=False)


def _received(sent: Sent, node: Node | None, traffic: Traffic) -> Any:
    storage = storage_for(sent.uri)
    if node is None or not sent.chunks:
        return read(sent, storage, traffic=traffic)
    try:
        data = node_copy(sent.uri, chunks_in(sent.chunks), storage, node, traffic)
    except NotWholeError as error:
        raise StateError(str(error)) from None
    except OSError as error:
        # No room on the disk, perhaps; what else it is, this says again.
        log.warning("this process reads %s for itself: %s", sent.uri, error)
        return read(sent, storage, traffic=traffic)
    return unpack(data, copy=False)


# One a task process: what it keeps is for the next task of the same round.
RECEIVER: Final = Receiver()
