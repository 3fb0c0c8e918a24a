"""Performs the core's actions on storage; blocking, called from a thread pool.

Under an output directory

    _temporary/<job id>/        made first: it says whose directory this is
    _temporary/<attempt>/<part> written by attempts
    <part>                      renamed by `CommitPart`, further files of the attempt before it
    _SUCCESS                    last, before _temporary is removed

Every action looks first whether it has been done before, since a new epoch asks again for
what the last one had begun. What may pass (a NameNode that restarts, safe mode) is tried
again for a while.
"""

import logging
import random
from collections.abc import Callable
from typing import Final

from blockstore import errors as store_errors
from blockstore.runtime.clock import SYSTEM_CLOCK, Clock
from blockstore.runtime.retry import RetryPolicy, retry
from mapred.errors import JobFailedError, MapredError, OutputExistsError
from mapred.jobtracker.ready import (
    Action,
    CommitPart,
    Outcome,
    PrepareOutput,
    PublishOutput,
    RemoveOutput,
)
from mapred.storage.committing import TEMPORARY, is_there, standing
from mapred.storage.port import Storage
from mapred.storage.uris import parent_of

log = logging.getLogger(__name__)

SUCCESS: Final = "_SUCCESS"
# A NameNode restarts within seconds, and leaves safe mode when DataNodes have reported.
STORAGE_OUTAGE: Final = RetryPolicy(deadline_s=300.0)
_PASSING: Final = (
    store_errors.UnreachableException,
    store_errors.SafeModeException,
    store_errors.NotReadyException,
)


class Committer:
    """Thread-safe. `storage_of` gives the file system of a URI, for a user."""

    def __init__(
        self,
        storage_of: Callable[[str, str], Storage],
        *,
        policy: RetryPolicy = STORAGE_OUTAGE,
        clock: Clock = SYSTEM_CLOCK,
        rng: random.Random | None = None,
    ) -> None:
        self._storage_of = storage_of
        self._policy = policy
        self._clock = clock
        self._rng = rng

    def perform(self, action: Action) -> Outcome:
        """Never raises: what can't be done is in the outcome."""
        try:
            retry(
                lambda _: self._once(action),
                policy=self._policy,
                again=lambda error: isinstance(error, _PASSING),
                clock=self._clock,
                rng=self._rng,
            )
        except MapredError as error:
            return Outcome(action, error)
        except Exception as error:
            # Also of file systems that we don't know: it ends this job, not the JobTracker.
            if not isinstance(error, OSError | ValueError):
                log.exception("%s", action)
            return Outcome(action, JobFailedError(f"{type(error).__name__}: {error}"))
        return Outcome(action)

    def _once(self, action: Action) -> None:
        match action:
            case PrepareOutput(job_id, output_uri):
                storage = self._storage_of(output_uri, action.user)
                self._prepare(storage, job_id, output_uri.rstrip("/"))
            case CommitPart(_, source, target):
                storage = self._storage_of(target, action.user)
                for further, final in action.further:
                    storage.mkdirs(parent_of(final))
                    self._commit(storage, further, final)
                if source:
                    self._commit(storage, source, target)
            case PublishOutput(_, output_uri, success):
                storage = self._storage_of(output_uri, action.user)
                self._publish(storage, output_uri.rstrip("/"), success)
            case RemoveOutput(_, output_uri):
                storage = self._storage_of(output_uri, action.user)
                storage.delete(output_uri.rstrip("/"))

    def _prepare(self, storage: Storage, job_id: str, root: str) -> None:
        mark = f"{root}/{TEMPORARY}/{job_id}"
        if is_there(storage, root) and not is_there(storage, mark):
            raise OutputExistsError(
                f"output directory {root} {standing(storage, root)}; choose another -o, "
                f"or remove it first: mapred fs rm -r {root}"
            )
        storage.mkdirs(mark)

    def _commit(self, storage: Storage, source: str, target: str) -> None:
        try:
            storage.rename(source, target)
        except FileNotFoundError:
            # The last epoch renamed it and died before it could write so down.
            if not is_there(storage, target):
                raise

    def _publish(self, storage: Storage, root: str, success: str) -> None:
        file = storage.open_write(f"{root}/{SUCCESS}", overwrite=True)
        try:
            file.write(success.encode())
            file.commit()
        except BaseException:
            file.discard()
            raise
        storage.delete(f"{root}/{TEMPORARY}")
