"""A job that `mapred submit` was given: planned, run, followed, and what is told of its end."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mapred.engine import Engine
from mapred.iterative.status import is_loop
from mapred.model import DEFAULT_POOL, JobSpec, Priority
from mapred.storage.uris import qualified
from mapred.submit import plan

from .engines import Place
from .errors import REFUSED, CommandError, say
from .follow import terminated_by_signal
from .running import run_to_the_end


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the command line says of the job."""

    job: str
    inputs: Sequence[str]
    # None: to stdout.
    output: str | None
    parameters: Mapping[str, str]
    reducers: int | None
    # None: the defaults.
    pool: str | None
    priority: Priority | None
    detach: bool
    resume: bool
    quiet: bool
    as_json: bool


def submitted(wishes: Wishes, place: Place, engine: Engine) -> int:
    """Runs it, unless it's to be detached; returns the exit code."""
    with terminated_by_signal():
        spec = _planned(wishes, place)
        if place.notice and not wishes.quiet:
            say(place.notice)
        return run_to_the_end(
            _runner(engine, spec, place, wishes),
            spec,
            to_stdout=wishes.output is None,
            detach=wishes.detach,
            quiet=wishes.quiet,
            as_json=wishes.as_json,
        )


def _planned(wishes: Wishes, place: Place) -> JobSpec:
    output = wishes.output
    spec = plan(
        wishes.job,
        [_canonical(place, word) for word in wishes.inputs],
        # What is resumed is there already.
        output=None if wishes.resume or output is None else place.canonical(output),
        params=wishes.parameters,
        reducers=wishes.reducers,
        default_filesystem=place.default_filesystem,
        workers=place.workers,
    )
    spec = dataclasses.replace(
        spec,
        pool=wishes.pool or DEFAULT_POOL,
        priority=wishes.priority or Priority.NORMAL,
    )
    if not (wishes.resume and output):
        return spec
    uri = qualified(place.canonical(output), place.default_filesystem)
    return dataclasses.replace(spec, output_uri=uri)


def _canonical(place: Place, word: str) -> str:
    """A path, or a path after the name of an input, as the cluster knows it."""
    name, equals, path = word.partition("=")
    if equals and name.isidentifier():
        return f"{name}={place.canonical(path)}"
    return place.canonical(word)


def _runner(engine: Engine, spec: JobSpec, place: Place, wishes: Wishes) -> Engine:
    """The engine, or for a loop the one before it that drives its rounds."""
    if not is_loop(spec):
        if wishes.resume:
            raise CommandError(f"{spec.name} is no loop: there is nothing to resume", REFUSED)
        return engine
    if wishes.detach:
        raise CommandError(
            f"{spec.name} is a loop, and --detach can't leave it running: its rounds are "
            "submitted by this command. After a crash, `mapred resume` goes on from the last "
            "checkpoint",
            REFUSED,
        )
    from mapred.iterative.loopengine import LoopEngine

    from .loopbook import ledger_of

    return LoopEngine(
        engine,
        resume=wishes.resume,
        ledger=ledger_of(place),
        to_stdout=wishes.output is None,
    )
