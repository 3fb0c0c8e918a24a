"""Classifiers by averaged SGD (averaging.py): softmax regression and multilayer perceptrons."""

from collections.abc import Sequence
from typing import Any, Final, Self

import numpy as np

from mapred.ml.averaging import EXACT, Averaging
from mapred.ml.classifier import Classifier
from mapred.ml.compressed import WAYS
from mapred.ml.network import Network
from mapred.ml.parameters import choice, number, numbers, seed, whole_number
from mapred.ml.precision import FLOAT64
from mapred.ml.rows import Matrix, Rows

# Of files each split is a shard; of an array each part, whatever its size and a store's blocks.
_SHARDS: Final[dict[str, Any]] = {"job.combine_files": False}
# Beyond it a layer on as many columns has more weights than a machine holds.
_WIDTH_MAX: Final = 1_000_000
# Between two averages; so many take hours.
_STEPS_MAX: Final = 1_000_000
_WHOLE_PARTS: Final[dict[str, Any]] = {**_SHARDS, "job.whole_files": True}


class MLPClassifier(Classifier):
    """A multilayer perceptron with a softmax on top, by SGD with averaging of parameters.

    Args:
        hidden_layer_sizes: widths of the layers between; (): softmax regression.
        activation: "relu" or "tanh".
        alpha: weight of half the sum of the weights' squares.
        learning_rate_init: how far a step goes.
        learning_rate_decay: in round r it is learning_rate_init / (1 + decay (r - 1)).
        batch_size: rows a step; None: all of the shard.
        local_steps: steps of a shard between two averages; None: once through its rows.
        momentum: slow momentum of the averages, below 1.
        send: how a shard's move is sent to the others: "float64", or in fewer bytes "float32",
            "int8", "sparse" or "topk" (compressed.py). history_ has the bytes beside the loss.
        shards: of an array, how many parts learn by themselves: row by row, as they lie.
        init: the first weights (one vector, network.py); None: random ones.
        max_iter: rounds at most.
        tol: the change of the mean loss at which it has arrived.
        random_state: seed of the first weights and of the batches.
        dtype: "float64", or "float32", in half the memory (precision.py).
        workers, cluster, verbose: where it runs, and whether it tells of its rounds (KMeans).

    After `fit`: coefs_, intercepts_, loss_, classes_, and history_ with the loss per round (of
    the weights at its start).
    """

    coefs_: list[Matrix]
    intercepts_: list[Matrix]
    loss_: float
    weights_: Matrix

    def __init__(
        self,
        hidden_layer_sizes: tuple[int, ...] = (100,),
        *,
        activation: str = "relu",
        alpha: float = 1e-4,
        learning_rate_init: float = 0.1,
        learning_rate_decay: float = 0.0,
        batch_size: int | None = 32,
        local_steps: int | None = None,
        momentum: float = 0.0,
        send: str = EXACT,
        shards: int = 1,
        init: Any = None,
        max_iter: int = 50,
        tol: float = 1e-4,
        random_state: int = 0,
        dtype: Any = FLOAT64,
        workers: int | None = None,
        cluster: str | None = None,
        verbose: bool = False,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.alpha = alpha
        self.learning_rate_init = learning_rate_init
        self.learning_rate_decay = learning_rate_decay
        self.batch_size = batch_size
        self.local_steps = local_steps
        self.momentum = momentum
        self.send = send
        self.shards = shards
        self.init = init
        self.max_iter = max_iter
        self.tol = tol
        self.random_state = random_state
        self.dtype = dtype
        self.workers = workers
        self.cluster = cluster
        self.verbose = verbose

    def fit(self, X: Rows, y: Any = None) -> Self:  # noqa: N803
        """For files `y` is the number of the column with the classes (None: the last); each
        split of a file is a shard.

        Raises:
            ValueError: X, y or a parameter is impossible; says which and why.
            JobFailedError: something is wrong in a file; says where.
        """
        self._check()
        with self._fitting(X, y, parts=self.shards) as fit:
            widths = [fit.columns, *self._hidden(), len(fit.classes)]
            self._network = Network(widths, self._activation())
            weights = self._start()
            found = self._loop(
                fit,
                Averaging,
                begin={
                    "weights": weights,
                    "move": np.zeros(len(weights)),
                    "classes": fit.class_values,
                    "widths": widths,
                    "loss": float("inf"),
                    "fell": float("inf"),
                },
                steps=self.local_steps or 0,
                batch=self.batch_size or 0,
                rate=float(self.learning_rate_init),
                decay=float(self.learning_rate_decay),
                momentum=float(self.momentum),
                send=self.send,
                l2=float(self.alpha),
                activation=self._activation(),
                seed=self.random_state,
                tol=float(self.tol),
                max_iter=self.max_iter,
                **(_SHARDS if fit.array is None else _WHOLE_PARTS),
            ).state
        self.loss_, self.weights_ = float(found["loss"]), self._own(found["weights"])
        layers = self._network.layers(self.weights_)
        self.coefs_ = [layer[:-1] for layer in layers]
        self.intercepts_ = [layer[-1] for layer in layers]
        return self

    def _hidden(self) -> tuple[int, ...]:
        sizes: Any = self.hidden_layer_sizes
        if isinstance(sizes, int | np.integer) and not isinstance(sizes, bool):
            return (int(sizes),)
        is_row = isinstance(sizes, Sequence) or (isinstance(sizes, np.ndarray) and sizes.ndim == 1)
        if not is_row or isinstance(sizes, str | bytes | bytearray):
            raise ValueError(
                f"hidden_layer_sizes={sizes!r}: the widths of the layers are needed, such as (100,)"
            )
        return tuple(sizes)

    def _activation(self) -> str:
        return self.activation

    def _check(self) -> None:
        for width in self._hidden():
            whole_number("hidden_layer_sizes", width, 1, _WIDTH_MAX)
        choice("activation", self._activation(), "relu", "tanh")
        number("alpha", self.alpha)
        number("learning_rate_init", self.learning_rate_init, above=True)
        number("learning_rate_decay", self.learning_rate_decay)
        number("momentum", self.momentum, 0.0, 0.999)
        number("tol", self.tol)
        choice("send", self.send, EXACT, *WAYS)
        if self.batch_size is not None:
            whole_number("batch_size", self.batch_size)
        if self.local_steps is not None:
            whole_number("local_steps", self.local_steps, 1, _STEPS_MAX)
        whole_number("shards", self.shards)
        whole_number("max_iter", self.max_iter)
        seed(self.random_state)

    def _start(self) -> Matrix:
        if self.init is None:
            random = np.random.Generator(np.random.Philox(key=self.random_state))
            return self._network.start(random)
        weights = numbers("init", self.init)
        if weights.shape != (len(self._network),):
            raise ValueError(
                f"init has the shape {weights.shape}, and {len(self._network)} numbers are needed"
            )
        return weights

    def _scores(self, rows: Any) -> Matrix:
        return self._network.scores(self.weights_, rows)


class SGDClassifier(MLPClassifier):
    """Softmax regression by SGD with averaging of parameters.

    Args: those of MLPClassifier, without those of layers.

    After `fit` also coef_ and intercept_, a row for each class.
    """

    def __init__(
        self,
        *,
        alpha: float = 1e-4,
        learning_rate_init: float = 0.1,
        learning_rate_decay: float = 0.0,
        batch_size: int | None = 32,
        local_steps: int | None = None,
        momentum: float = 0.0,
        send: str = EXACT,
        shards: int = 1,
        init: Any = None,
        max_iter: int = 50,
        tol: float = 1e-4,
        random_state: int = 0,
        dtype: Any = FLOAT64,
        workers: int | None = None,
        cluster: str | None = None,
        verbose: bool = False,
    ) -> None:
        self.alpha = alpha
        self.learning_rate_init = learning_rate_init
        self.learning_rate_decay = learning_rate_decay
        self.batch_size = batch_size
        self.local_steps = local_steps
        self.momentum = momentum
        self.send = send
        self.shards = shards
        self.init = init
        self.max_iter = max_iter
        self.tol = tol
        self.random_state = random_state
        self.dtype = dtype
        self.workers = workers
        self.cluster = cluster
        self.verbose = verbose

    def _hidden(self) -> tuple[int, ...]:
        return ()

    def _activation(self) -> str:
        return "relu"

    def _start(self) -> Matrix:
        # A convex loss needs no random start.
        return np.zeros(len(self._network)) if self.init is None else super()._start()

    @property
    def coef_(self) -> Matrix:
        return self.coefs_[0].T

    @property
    def intercept_(self) -> Matrix:
        return self.intercepts_[0]
