"""The state of a round on its way to every task: a file named by its hash, and its settings.

The driver writes a state once and only when it changed; a task process reads it once and
keeps the last one, since its next task most likely wants the same. Both know it by its
SHA-256: a task that reads other bytes fails instead of computing with them. A small state
travels in the settings themselves, and no file is written or read for it.
"""

import base64
import binascii
import hashlib
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from mapred.engine import TRANSIENT_OUTPUT
from mapred.iterative.packed import pack, unpack
from mapred.model import PROCESS_FAMILY
from mapred.storage import storage_for
from mapred.storage.port import Storage

_PREFIX: Final = "loop."
# The JobTracker writes settings into its journal and keeps those of jobs that have ended.
INLINE_BYTES_MAX: Final = 8 * 1024


class StateError(OSError):
    """A state file isn't what the driver wrote."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A state that tasks can read: in a file, or right here as base64."""

    uri: str
    sha256: str
    inline: str = ""


@dataclass(frozen=True, slots=True)
class RoundSettings:
    """What the tasks of a round know of their loop; travels in `JobSpec.settings`."""

    state: Sent
    # From 1.
    number: int
    # Names the loop: what a worker keeps decoded belongs to one.
    lineage: str
    # How much of it a worker process may keep, bytes.
    pinned_bytes: int
    # Loops of one family, which run the same code, are served by the same processes.
    family: str = ""
    # Of each map task, the number of its first split among all of the loop's.
    first_splits: tuple[int, ...] = ()

    def settings(self) -> dict[str, str]:
        return {
            TRANSIENT_OUTPUT: "true",
            f"{_PREFIX}state_inline": self.state.inline,
            f"{_PREFIX}state_uri": self.state.uri,
            f"{_PREFIX}state_sha256": self.state.sha256,
            f"{_PREFIX}round": str(self.number),
            f"{_PREFIX}lineage": self.lineage,
            f"{_PREFIX}pinned_bytes": str(self.pinned_bytes),
            f"{_PREFIX}first_splits": " ".join(map(str, self.first_splits)),
            PROCESS_FAMILY: self.family or self.lineage,
        }


def round_settings(settings: Mapping[str, str]) -> RoundSettings | None:
    """None when the job is no round of a loop."""
    uri = settings.get(f"{_PREFIX}state_uri")
    if uri is None:
        return None
    return RoundSettings(
        Sent(uri, settings[f"{_PREFIX}state_sha256"], settings[f"{_PREFIX}state_inline"]),
        int(settings[f"{_PREFIX}round"]),
        settings[f"{_PREFIX}lineage"],
        int(settings[f"{_PREFIX}pinned_bytes"]),
        first_splits=tuple(map(int, settings[f"{_PREFIX}first_splits"].split())),
    )


def send(state: Any, directory: str, storage: Storage, *, inline_max: int = 0) -> Sent:
    """Makes the state readable: inline if it's so small, else below `directory`, which costs
    nothing when it is there already.

    Raises:
        PackedError: the state has a part that can't be packed.
    """
    data = pack(state)
    digest = hashlib.sha256(data).hexdigest()
    if len(data) <= inline_max:
        return Sent("", digest, base64.b64encode(data).decode())
    uri = f"{directory}/state-{digest}"
    try:
        if storage.stat(uri).length == len(data):
            return Sent(uri, digest)
    except FileNotFoundError:
        pass
    file = storage.open_write(uri, overwrite=True)
    try:
        file.write(data)
        file.commit()
    except BaseException:
        file.discard()
        raise
    return Sent(uri, digest)


def read(sent: Sent, storage: Storage, *, copy: bool = False) -> Any:
    """The state; its arrays are read-only unless `copy`.

    Raises:
        StateError: the file has other bytes.
    """
    with storage.open_read(sent.uri) as file:
        return _unpacked(sent, file.read(), copy=copy)


def _unpacked(sent: Sent, data: bytes, *, copy: bool) -> Any:
    digest = hashlib.sha256(data).hexdigest()
    if digest != sent.sha256:
        raise StateError(
            f"{sent.uri or 'the state'} has {len(data)} bytes of another hash: {digest}"
        )
    return unpack(data, copy=copy)


class Receiver:
    """The last state that was read. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sha256 = ""
        self._state: Any = None

    def receive(self, sent: Sent) -> Any:
        with self._lock:
            if sent.sha256 != self._sha256:
                self._state = _received(sent)
                self._sha256 = sent.sha256
            return self._state


def _received(sent: Sent) -> Any:
    if not sent.inline:
        return read(sent, storage_for(sent.uri))
    try:
        data = base64.b64decode(sent.inline, validate=True)
    except binascii.Error as error:
        raise StateError(f"the state in the settings is damaged: {error}") from None
    return _unpacked(sent, data, copy=False)


# One a task process: what it keeps is for the next task of the same round.
RECEIVER: Final = Receiver()
