"""What all estimators have in common: parameters, the way of their input to a loop, its report.

    class Something(Estimator):
        def __init__(self, *, max_iter=100, workers=None, cluster=None, verbose=False): …

        def fit(self, X, y=None):
            with self._fitting(X, y) as fit:
                result = self._loop(fit, SomeRounds, begin={…}, max_iter=self.max_iter)
            self.coef_ = result.state["weights"]
            return self

Parameters are those of `__init__`, stored under their own names and checked by `fit`; what was
learned ends with an underscore, as in scikit-learn. All report history_ (what the loop shows
of each round), round_seconds_, n_iter_ and converged_, and warn when they stopped without
converging.
"""

import inspect
import reprlib
import sys
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from mapred.formats import Format
from mapred.formats.csr import Csr
from mapred.formats.narrowing import narrowed
from mapred.iterative import IterativeJob
from mapred.iterative.checkpoint import RoundRecord
from mapred.iterative.listening import Silent
from mapred.iterative.rounds import LoopResult
from mapred.ml.parameters import flag
from mapred.ml.precision import FLOAT64, as_of, check_narrow_classes, kind_of, table_format
from mapred.ml.rows import (
    EXACT,
    Block,
    Kind,
    Matrix,
    Rows,
    as_block,
    as_numbers,
    as_vector,
    blocks_of,
    check_classes,
    check_counts,
    check_rows,
    paths_of,
    told_apart,
)
from mapred.ml.sessions import Session, filesystem_of, session_of, stored
from mapred.ml.sklearntags import tags_of
from mapred.ml.summation import separated
from mapred.ml.survey import CLASSES_MAX, Survey
from mapred.params import parameters


class ConvergenceWarning(UserWarning):
    """A loop ran out of rounds before it had arrived."""


@dataclass(frozen=True)
class Fit:
    """The input of one `fit`, where tasks can read it, and what is known of it."""

    session: Session
    scratch: str
    inputs: list[str]
    rows: int
    columns: int
    # The column of the files that has the targets; None: no targets.
    target: int | None
    # The distinct targets, in order, and as tasks see them (numbers).
    classes: npt.NDArray[Any]
    class_values: Matrix
    # What the caller gave as an array; None when it's in files.
    array: Block | None
    # How tables are read; None: as they are.
    table: Format | None = None

    def blocks(self) -> Iterator[tuple[Block, Matrix | None]]:
        """(rows, targets) here and now."""
        for block in blocks_of(self.inputs, self.session.filesystem, self.table):
            yield separated(block, self.target, self.columns)


class Estimator:
    """Base of all."""

    # "classes": targets are needed and told apart; "numbers": they are needed; "": they aren't.
    targets: ClassVar[str] = ""
    # Rows hold counts: nothing below 0.
    counts: ClassVar[bool] = False
    # What it learns from are texts, and no rows.
    texts: ClassVar[bool] = False
    # Rows hold names: they are read as float64, whatever `dtype` says.
    named_rows: ClassVar[bool] = False

    # Of those that have no such parameter.
    dtype: Any = FLOAT64
    workers: int | None
    cluster: str | None
    verbose: bool

    n_features_in_: int
    n_iter_: int
    converged_: bool
    history_: list[dict[str, float]]
    round_seconds_: list[float]
    classes_: npt.NDArray[Any]

    # --- parameters

    @classmethod
    def _names(cls) -> list[str]:
        return [name for name in inspect.signature(cls.__init__).parameters if name != "self"]

    def _check_flags(self) -> None:
        """Raises ValueError: a parameter that is on or off is neither."""
        for name, one in inspect.signature(type(self).__init__).parameters.items():
            if isinstance(one.default, bool):
                value = getattr(self, name)
                # scikit-learn's is a number: how much is said.
                flag(name, bool(value) if name == "verbose" and isinstance(value, int) else value)

    @property
    def _kind(self) -> Kind:
        """Raises ValueError."""
        return kind_of(self.dtype)

    @property
    def _rows_kind(self) -> Kind:
        return EXACT if self.named_rows else self._kind

    def _own(self, values: Any) -> Matrix:
        """What was learned, as `dtype` says."""
        return np.asarray(values).astype(self._kind, copy=False)

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self._names()}

    def set_params(self, **params: Any) -> Self:
        """Raises ValueError: an unknown name."""
        for name, value in params.items():
            if name not in self._names():
                raise ValueError(
                    f"{type(self).__name__} has no parameter '{name}': {', '.join(self._names())}"
                )
            setattr(self, name, value)
        return self

    def __sklearn_tags__(self) -> Any:
        return tags_of(self)

    def __repr__(self) -> str:
        defaults = inspect.signature(type(self).__init__).parameters
        words = [
            f"{name}={value!r}"
            for name, value in self.get_params().items()
            if isinstance(value, str | int | float | None) and value != defaults[name].default
        ]
        return f"{type(self).__name__}({', '.join(words)})"

    # --- fitting

    @contextmanager
    def _fitting(self, X: Rows, y: Any = None, *, parts: int = 0) -> Iterator[Fit]:  # noqa: N803
        """The input of a fit. What was learned before is forgotten, and what half a fit has
        learned, too.

        Raises:
            ValueError: X or y is impossible; says which and why.
        """
        self._forget()
        self._check_flags()
        kind_of(self.dtype)
        try:
            with self._input(X, y, parts=parts) as fit:
                self.n_features_in_ = fit.columns
                self._target = fit.target
                if self.targets == "classes":
                    if len(fit.classes) < 2:
                        raise ValueError(f"all targets are of one class, {fit.classes.tolist()}")
                    self.classes_ = fit.classes
                yield fit
        except BaseException:
            self._forget()
            raise

    def _forget(self) -> None:
        for name in [name for name in vars(self) if name.endswith("_") or name == "_target"]:
            delattr(self, name)

    @contextmanager
    def _input(self, X: Rows, y: Any = None, *, parts: int = 0) -> Iterator[Fit]:  # noqa: N803
        """The input as tasks can read it; on an engine, which ends with the block. An array is
        written as `parts` files; 0: as suits its size.

        `y`: of arrays one target a row; of files the number of the column that has them, the
        last if nothing is said. In libsvm text and .csr files they have their own place.

        Raises:
            ValueError: X or y is impossible; says which and why.
        """
        paths = paths_of(X)
        given = self._arrays(X, y) if paths is None else None
        with session_of(self.workers, self.cluster) as session, session.scratch() as scratch:
            if given is not None:
                yield self._given(session, scratch, *given, parts)
            else:
                yield self._surveyed(session, scratch, paths or [], y)

    def _arrays(self, rows: Rows, y: Any) -> tuple[Block, npt.NDArray[Any] | None]:
        block = as_block(rows, kind=self._rows_kind)
        if self.counts:
            check_counts(block, "X")
        if not self.targets:
            return block, None
        if y is None:
            raise ValueError(f"{type(self).__name__} learns from targets: fit(X, y)")
        if self.targets == "numbers":
            numbers = as_numbers(y, len(block))
            return block, numbers if self._rows_kind == EXACT else narrowed(numbers, "y")
        return block, as_vector(y, len(block))

    def _given(
        self,
        session: Session,
        scratch: str,
        block: Block,
        targets: npt.NDArray[Any] | None,
        parts: int,
    ) -> Fit:
        classes = np.empty(0)
        if targets is not None and self.targets == "classes":
            classes, targets = told_apart(targets)
        kept: Block = block
        if isinstance(block, Csr):
            kept = Csr(block.data, block.indices, block.indptr, block.columns, targets)
        elif targets is not None:
            kept = np.column_stack([block, as_of(targets, block)])
        return Fit(
            session,
            scratch,
            _stored(kept, scratch, parts),
            len(block),
            block.shape[1],
            None if targets is None else -1,
            classes,
            np.arange(len(classes), dtype=np.float64),
            block,
            table_format(self._rows_kind),
        )

    def _surveyed(self, session: Session, scratch: str, paths: list[str], y: Any) -> Fit:
        target = None
        if self.targets:
            if y is not None and (isinstance(y, bool) or not isinstance(y, int | np.integer)):
                raise ValueError(
                    f"y={reprlib.repr(y)}: for files it is the number of the column that has the "
                    "targets (None: the last)"
                )
            target = -1 if y is None else int(y)
        classify = self.targets == "classes"
        params = {"target": target, "classify": classify}
        table = table_format(self._rows_kind)
        found = session.run(Survey, paths, scratch=scratch, params=params, input_format=table).state
        if len(found["classes"]) > CLASSES_MAX:
            raise ValueError(f"the targets have more than {CLASSES_MAX} classes: are they numbers?")
        classes = found["classes"].astype(np.float64)
        check_classes(classes, f"column {target}")
        check_narrow_classes(classes, self._rows_kind)
        return Fit(
            session,
            scratch,
            paths,
            int(found["rows"]),
            int(found["columns"]),
            target,
            classes,
            classes,
            None,
            table,
        )

    def _loop(
        self,
        fit: Fit,
        job: type[IterativeJob],
        *,
        begin: Any = None,
        inputs: list[str] | None = None,
        input_format: str | Format | None = None,
        **params: Any,
    ) -> LoopResult:
        """Runs the rounds, and keeps what they tell of themselves.

        `inputs`, `input_format`: instead of the fit's and the job's own.
        """
        known = parameters(job)
        about = {"target": fit.target, "columns": fit.columns}
        result = fit.session.run(
            job,
            fit.inputs if inputs is None else inputs,
            scratch=fit.scratch,
            params={name: value for name, value in about.items() if name in known} | params,
            begin=begin,
            input_format=fit.table if input_format is None else input_format,
            listener=_Telling() if self.verbose else None,
        )
        self.n_iter_ = len(result.rounds)
        self.converged_ = result.stop.converged
        self.history_ = [dict(record.metrics) for record in result.rounds]
        self.round_seconds_ = [record.seconds for record in result.rounds]
        if not self.converged_:
            last = self.history_[-1] if self.history_ else {}
            shown = ", ".join(f"{name} {value:.6g}" for name, value in last.items())
            warnings.warn(
                f"{type(self).__name__} stopped without having converged: {result.stop.reason}"
                + (f"; the last round: {shown}" if shown else ""),
                ConvergenceWarning,
                stacklevel=_callers_level(),
            )
        return result

    def _tell(self, **values: float) -> None:
        """What is known of the last round only now that the model has been made of it."""
        self.history_[-1].update(values)
        if self.verbose:
            _told(f"round {len(self.history_)}", values)

    # --- what was learned

    def _fitted(self) -> None:
        if not hasattr(self, "n_features_in_"):
            raise ValueError(f"this {type(self).__name__} has learned nothing yet: call fit first")

    def _blocks(self, rows: Rows) -> Iterator[Any]:
        """Checked rows of an array or of files; files may have the targets in them."""
        self._fitted()
        paths = paths_of(rows)
        columns = self.n_features_in_
        seen = 0
        kind = self._rows_kind
        found = (
            blocks_of(paths, filesystem_of(self.cluster), table_format(kind))
            if paths
            else [as_block(rows, kind=kind)]
        )
        for block in found:
            if isinstance(block, Csr):
                kept: Block = block.widened(max(columns, block.columns)) if paths else block
            elif paths and self._target is not None and block.shape[1] == columns + 1:
                kept, _ = separated(block, self._target, columns)
            else:
                kept = block
            check_rows(kept, 0, columns=columns)
            seen += len(kept)
            yield kept
        if not seen:
            raise ValueError(f"X has no rows: {paths}")


def _callers_level() -> int:
    """How many calls above who asks the user's own line is."""
    level, frame = 0, inspect.currentframe()
    while frame and frame.f_globals["__name__"].startswith("mapred.ml."):
        level, frame = level + 1, frame.f_back
    return level


def _stored(rows: Block, scratch: str, parts: int) -> list[str]:
    if not parts:
        return [stored(rows, scratch, "rows")]
    if parts > len(rows):
        raise ValueError(f"{parts} shards, and X has only {len(rows)} rows")
    borders = [len(rows) * part // parts for part in range(parts + 1)]
    return [
        stored(rows[start:end], scratch, f"rows-{start:012d}", whole=True)
        for start, end in pairwise(borders)
    ]


class _Telling(Silent):
    """Writes a line per round."""

    def round_done(self, record: RoundRecord) -> None:
        _told(f"round {record.number}", record.metrics, f"{record.seconds:.3f} s")


def _told(begin: str, values: Mapping[str, float], *end: str) -> None:
    shown = [f"{name} {value:.6g}" for name, value in values.items()]
    print("  ".join([begin, *shown, *end]), file=sys.stderr)
