"""What estimators run on: an engine, and a place for the files of a fit.

    with session(workers=2):                 # one engine for all that is fitted within
        KMeans(8).fit(rows)
        GaussianNB().fit(rows, classes)

Without a session each `fit` starts an engine of its own and ends it.
"""

import os
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any, Final

import numpy as np

from blockstore.errors import ConfigException
from blockstore.runtime.config import parse_address
from blockstore.runtime.identity import this_user
from mapred.client import ClusterEngine
from mapred.embedded import EmbeddedEngine
from mapred.engine import Engine
from mapred.formats import Format
from mapred.formats.csr import Csr, write_blocks
from mapred.iterative import IterativeJob
from mapred.iterative.listening import Listener
from mapred.iterative.rounds import Loop, LoopResult
from mapred.job import Job
from mapred.ml.parameters import whole_number, word
from mapred.ml.rows import Block
from mapred.owndirs import OwnDirectory
from mapred.storage import storage_for
from mapred.storage.uris import USERS_DIRECTORY, join
from mapred.submit import plan

# A file of sparse rows is never cut: as large as the smallest split.
CSR_FILE_BYTES: Final = 2 * 1024 * 1024


class Session:
    """An engine and its file system; ends with `close`."""

    def __init__(
        self,
        workers: int | None = None,
        cluster: str | None = None,
        *,
        engine: Engine | None = None,
    ) -> None:
        """`cluster`: a JobTracker's "host:port"; None: processes of this machine, or an `engine`
        that runs jobs on files of this machine and is closed with the session.
        """
        self._id = f"session_{uuid.uuid4().hex[:12]}"
        # As it was asked for.
        self.place = workers, cluster
        self.workers: int | None = None
        self.engine: Engine
        self.filesystem = "file://"
        if cluster is not None:
            if workers is not None:
                raise ValueError(
                    f"workers={workers!r} with cluster={cluster!r}: the TaskTrackers' slots say "
                    "how many tasks run at once. Leave one of them out"
                )
            remote = ClusterEngine(_jobtracker(cluster))
            self.engine, self.filesystem = remote, f"bs://{remote.namenode()}"
            return
        if workers is not None:
            whole_number("workers", workers)
        self.workers = workers or os.cpu_count() or 1
        self.engine = engine or EmbeddedEngine(self.workers)

    def close(self) -> None:
        self.engine.close()

    @contextmanager
    def scratch(self) -> Iterator[str]:
        """The URI of a directory that is gone afterwards."""
        if self.filesystem == "file://":
            with OwnDirectory("fit") as local:
                yield local.as_uri()
            return
        uri = join(self.filesystem, USERS_DIRECTORY, this_user(), "scratch", uuid.uuid4().hex)
        try:
            yield uri
        finally:
            storage_for(uri).delete(uri)

    def run(
        self,
        job: type[IterativeJob],
        inputs: Sequence[str],
        *,
        scratch: str,
        params: Mapping[str, Any],
        begin: Any = None,
        input_format: str | Format | None = None,
        listener: Listener | None = None,
    ) -> LoopResult:
        """One loop to its end; `begin` is its first state, if the job isn't to make one. Loops
        with the same `scratch` read the same: what one has decoded the next finds.
        `input_format`: if it isn't the job's own.

        Raises:
            RefusedError: before it began.
            JobFailedError: a round failed; says where in the input.
        """
        with OwnDirectory("job") as folder:
            spec = plan(
                _job_file(job, folder),
                inputs,
                output=join(scratch, f"output-{uuid.uuid4().hex[:8]}"),
                params={name: word(value) for name, value in params.items()},
                default_filesystem=self.filesystem,
                code_base=join(scratch, "code"),
                workers=self.workers,
                input_format=input_format,
            )
        loop = Loop(
            self.engine,
            spec,
            job,
            lineage=f"loop_{uuid.uuid4().hex[:12]}",
            listener=listener,
            begin=begin,
            # The next loop, and the next fit, find processes that are warm.
            family=self._id,
            pinned_for=scratch,
        )
        return loop.run()

    def __repr__(self) -> str:
        return f"Session({self.engine!r})"


_CURRENT: Final[ContextVar[Session | None]] = ContextVar("mapred_ml_session", default=None)


@contextmanager
def session(
    workers: int | None = None, cluster: str | None = None, *, engine: Engine | None = None
) -> Iterator[Session]:
    """One engine for all that is fitted in the block."""
    made = Session(workers, cluster, engine=engine)
    token = _CURRENT.set(made)
    try:
        yield made
    finally:
        _CURRENT.reset(token)
        made.close()


@contextmanager
def session_of(workers: int | None, cluster: str | None) -> Iterator[Session]:
    """The session that is open, or one for this block alone.

    Raises:
        ValueError: the open one is another than what was asked for.
    """
    if (current := _CURRENT.get()) is not None:
        if (workers, cluster) not in ((None, None), current.place):
            raise ValueError(
                f"workers={workers!r}, cluster={cluster!r}: a session is open, and all that is "
                "fitted in it runs there. Leave them out, or end the session first"
            )
        yield current
        return
    with session(workers, cluster) as made:
        yield made


def filesystem_of(cluster: str | None) -> str:
    """Where paths lead that are given to an estimator of this cluster (None: this machine)."""
    if (current := _CURRENT.get()) is not None:
        return current.filesystem
    if cluster is None:
        return "file://"
    from mapred.client import ClusterEngine

    with ClusterEngine(_jobtracker(cluster)) as engine:
        return f"bs://{engine.namenode()}"


def _jobtracker(cluster: Any) -> str:
    """Raises ValueError: it is no address."""
    try:
        if isinstance(cluster, str) and ":" in cluster and parse_address(cluster, 0)[1]:
            return cluster
    except ConfigException:
        pass
    raise ValueError(
        f"cluster={cluster!r}: the address of a JobTracker is needed, such as '127.0.0.1:8021'"
    )


def _job_file(job: type[IterativeJob], folder: Path) -> str:
    """The engine's own job as a job file, whose name no module of the user has, and no other
    job file: one process imports several."""
    name = job.__name__
    path = folder / f"{job.__module__.replace('.', '_')}_{name}_rounds.py"
    needed: list[type[Job]] = [job, *([job.placement] if job.placement else [])]
    path.write_text(
        "".join(
            f"import {one.__module__}\n\n\n"
            f"class {one.__name__}({one.__module__}.{one.__name__}): ...\n"
            for one in needed
        )
    )
    return f"{path}:{name}"


def stored(rows: Block, folder: str, name: str, *, whole: bool = False) -> str:
    """Writes rows where tasks can read them; the path to read. `whole`: sparse ones, too, as one
    file."""
    if not isinstance(rows, Csr):
        uri = join(folder, f"{name}.npy")
        written(uri, lambda file: np.lib.format.write_array(file, rows, allow_pickle=False))
        return uri
    step = max(1, CSR_FILE_BYTES * len(rows) // max(1, rows.nbytes))
    firsts = range(0, len(rows), step)
    blocks = {first: rows[first : first + step] for first in firsts}
    if whole:
        uri = join(folder, f"{name}.csr")
        written(uri, lambda file: write_blocks(file, blocks.values()))
        return uri
    uri = join(folder, name)
    for first, block in blocks.items():
        part = join(uri, f"rows-{first:012d}.csr")
        written(part, lambda file, block=block: write_blocks(file, [block]))
    return uri


def written(uri: str, write: Any) -> None:
    """A whole file, or none."""
    file = storage_for(uri).open_write(uri)
    try:
        write(file)
        file.commit()
    except BaseException:
        file.discard()
        raise
