"""Loops that were submitted, written down so that another program can go on with one.

    LEDGER/loop_20261130031500_1a2b3c4d.json    all that a driver needs, and how the loop ended

The record is there before the first round. It has the whole JobSpec: the code is the archive
that travelled with the loop, and the input is cut as it was, so a resumed loop comes to the
same bits. Names rise with time; the oldest records go when there are many.
"""

import os
import socket
import time
import uuid
from typing import Final

import msgspec
import psutil

from mapred.errors import InputError, JobDefinitionError, NoSuchJobError, RefusedError
from mapred.model import JobSpec
from mapred.storage import storage_for
from mapred.storage.uris import join
from mapred.storage.whole import put
from mapred.versions import engine_version, python_version

KEPT: Final = 200
_FORMAT: Final = 1
_SUFFIX: Final = ".json"
# Two readings of a process's start differ by rounding.
_SAME_START_S: Final = 1.0


class Driver(msgspec.Struct, frozen=True):
    """The process that submits the rounds."""

    host: str
    pid: int
    started_s: float

    @property
    def lives_here(self) -> bool:
        """False also when nobody can tell: it was on another machine."""
        if self.host != socket.gethostname():
            return False
        try:
            process = psutil.Process(self.pid)
            ended = process.status() == psutil.STATUS_ZOMBIE
            return not ended and abs(process.create_time() - self.started_s) < _SAME_START_S
        except psutil.Error:
            return False


class LoopRecord(msgspec.Struct, frozen=True):
    """One loop as it was submitted."""

    format: int
    loop_id: str
    spec: JobSpec
    # Its output is a scratch directory, printed and removed at its end.
    to_stdout: bool
    driver: Driver
    # Input files and their lengths.
    inputs: list[tuple[str, int]]
    # When it has: how, in words.
    ended: str = ""
    succeeded: bool = False


def new_loop_id(wall_s: float) -> str:
    stamp = time.strftime("%Y%m%d%H%M%S", time.gmtime(wall_s))
    return f"loop_{stamp}_{uuid.uuid4().hex[:8]}"


def this_driver() -> Driver:
    return Driver(socket.gethostname(), os.getpid(), psutil.Process().create_time())


def record_of(loop_id: str, spec: JobSpec, *, to_stdout: bool) -> LoopRecord:
    """What is written down of a loop that begins."""
    files = dict.fromkeys(file.uri for split in spec.splits for file in split.files)
    lengths = [(uri, storage_for(uri).stat(uri).length) for uri in files]
    return LoopRecord(_FORMAT, loop_id, spec, to_stdout, this_driver(), lengths)


class Ledger:
    """The records below one URI: those of one user."""

    def __init__(self, uri: str) -> None:
        self._uri = uri
        self._storage = storage_for(uri)

    def write(self, record: LoopRecord) -> None:
        """Durable when it returns; replaces an earlier one of the loop."""
        put(self._place(record.loop_id), msgspec.json.encode(record), self._storage)

    def remove_old(self) -> None:
        for loop_id in self.loop_ids()[KEPT:]:
            self._storage.delete(self._place(loop_id))

    def loop_ids(self) -> list[str]:
        """Newest first."""
        try:
            names = [entry.name for entry in self._storage.entries(self._uri)]
        except FileNotFoundError:
            return []
        found = [name.removesuffix(_SUFFIX) for name in names if name.endswith(_SUFFIX)]
        return sorted((name for name in found if name.startswith("loop_")), reverse=True)

    def read(self, loop_id: str) -> LoopRecord:
        """
        Raises:
            NoSuchJobError: no loop of this id is known here.
            JobDefinitionError: its record can't be used.
        """
        place = self._place(loop_id)
        try:
            if "/" in loop_id:
                raise FileNotFoundError
            with self._storage.open_read(place) as file:
                record = msgspec.json.decode(file.read(), type=LoopRecord)
        except FileNotFoundError:
            raise NoSuchJobError(f"no loop '{loop_id}' was submitted here ({self._uri})") from None
        except msgspec.DecodeError as error:
            raise JobDefinitionError(f"{place} is no record of a loop: {error}") from None
        if record.format != _FORMAT:
            raise JobDefinitionError(
                f"{place} is a record of format {record.format}, this version reads {_FORMAT}"
            )
        return record

    def _place(self, loop_id: str) -> str:
        return join(self._uri, loop_id + _SUFFIX)


def refuse_changed(record: LoopRecord) -> None:
    """A loop goes on with what it was begun with, or not at all.

    Raises:
        RefusedError: its driver lives, or its code, its input or the engine isn't what it was.
    """
    if not record.ended and record.driver.lives_here:
        raise RefusedError(
            f"{record.loop_id} is still driven by process {record.driver.pid} of this machine: "
            "it needs no second driver"
        )
    anew = "Begin it anew:  mapred submit JOB.py INPUT… -o OUTPUT"
    spec = record.spec
    for what, then, now in (
        ("Python", spec.python_version, python_version()),
        ("mapred", spec.engine_version, engine_version()),
    ):
        if then and now and then != now:
            raise JobDefinitionError(
                f"{record.loop_id} was begun with {what} {then}, and this is {now}: the bits could "
                f"differ. Resume it with {what} {then}, or begin it anew"
            )
    try:
        storage_for(spec.code_uri).stat(spec.code_uri)
    except FileNotFoundError:
        raise JobDefinitionError(
            f"the code that {record.loop_id} was submitted with is gone: {spec.code_uri}. {anew}"
        ) from None
    for uri, length in record.inputs:
        try:
            found = storage_for(uri).stat(uri).length
        except FileNotFoundError:
            raise InputError(f"input {uri} of {record.loop_id} is gone. {anew}") from None
        if found != length:
            raise InputError(
                f"input {uri} has changed since {record.loop_id} began: it had {length:,} bytes "
                f"and has {found:,}. {anew}"
            )
