"""Downhill to the least of a convex function, one evaluation at a time: Newton and L-BFGS.

A round evaluates one point; `moved` takes what came out and says where to look next. It is
pure and its state packs, so a descent can stop and go on anywhere.

- An evaluated point that is low enough (Armijo) is taken: then comes a new direction, and a
  full step along it. Otherwise the step is halved.
- With `l1` the function has l1·|x| added for the penalised numbers, and Newton's direction is
  the least of the quadratic model with that term, found coordinate by coordinate.
- When the step has become so short that rounding decides, the descent has arrived.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from mapred.ml.rows import Matrix

# Pairs of steps and changes of slope that L-BFGS remembers (SciPy's default).
MEMORY: Final = 10
_ARMIJO: Final = 1e-4
_ROUNDINGS: Final = 18
_STEP_MIN: Final = 1e-10
_PASSES_MAX: Final = 1000


@dataclass(frozen=True)
class Evaluation:
    """The function at a point; without the l1 term, which is added here."""

    value: float
    slope: Matrix
    # Second derivatives; None: L-BFGS.
    curvature: Matrix | None = None


def begun(point: Matrix) -> dict[str, Any]:
    """The state before anything was evaluated."""
    return {"point": point, "best": None, "direction": None, "step": 1.0, "pairs": [], "why": ""}


def moved(
    state: dict[str, Any], here: Evaluation, l1: Matrix, tol: float, rounding: float = 2.0**-52
) -> dict[str, Any]:
    """The next state; "why" says why the descent has arrived. `l1`: a weight for each number;
    `rounding`: how exact evaluations are.

    "best" has the lowest point so far, its value and how steep it is there.
    """
    point, best = state["point"], state["best"]
    value = here.value + float(l1 @ np.abs(point))
    if best is not None and not value <= _enough(
        best["value"], state["step"] * state["fall"], rounding
    ):
        step = state["step"] / 2
        if step < _STEP_MIN:
            return {**state, "why": "no shorter step leads further down"}
        return {**state, "step": step, "point": best["point"] + step * state["direction"]}
    steepness = float(np.abs(_least_slope(here.slope, point, l1)).max(initial=0.0))
    pairs = state["pairs"]
    if best is not None and here.curvature is None:
        pairs = _remembered(pairs, point - best["point"], here.slope - best["slope"])
    taken = {"point": point, "value": value, "slope": here.slope, "steepness": steepness}
    known = {**state, "best": taken, "pairs": pairs}
    if steepness <= tol:
        return {**known, "why": f"the slope is {steepness:.3g}, at most {tol:g}"}
    if here.curvature is None:
        direction = -_times_inverse(here.slope, pairs)
        step = 1.0 if pairs else min(1.0, 1.0 / float(np.abs(here.slope).sum()))
    else:
        direction, step = _newton(here.slope, here.curvature, point, l1, rounding), 1.0
    fall = float(here.slope @ direction)
    fall += float(l1 @ (np.abs(point + direction) - np.abs(point)))
    if not fall < 0:
        return {**known, "why": "no direction leads further down"}
    next_point = point + step * direction
    return {**known, "direction": direction, "fall": fall, "step": step, "point": next_point}


def _enough(value: float, fall: float, rounding: float) -> float:
    """What is low enough after a step; near the least point rounding counts for nothing."""
    return value + _ARMIJO * fall + _ROUNDINGS * rounding * abs(value)


def _least_slope(slope: Matrix, point: Matrix, l1: Matrix) -> Matrix:
    """The shortest of the function's subgradients."""
    at_zero = np.sign(slope) * np.maximum(np.abs(slope) - l1, 0.0)
    found: Matrix = np.where(point != 0, slope + l1 * np.sign(point), at_zero)
    return found


def _remembered(pairs: list[Any], moved_by: Matrix, changed_by: Matrix) -> list[Any]:
    if not float(moved_by @ changed_by) > 1e-14 * float(changed_by @ changed_by):
        return pairs
    return [*pairs, (moved_by, changed_by)][-MEMORY:]


def _times_inverse(slope: Matrix, pairs: list[Any]) -> Matrix:
    """The slope times L-BFGS's idea of the inverse of the curvature (Nocedal's two loops)."""
    found, shares = slope.copy(), []
    for step, change in reversed(pairs):
        share = float(step @ found) / float(step @ change)
        found -= share * change
        shares.append(share)
    if pairs:
        step, change = pairs[-1]
        found *= float(step @ change) / float(change @ change)
    for (step, change), share in zip(pairs, reversed(shares), strict=True):
        found += (share - float(change @ found) / float(step @ change)) * step
    return found


def _newton(slope: Matrix, curvature: Matrix, point: Matrix, l1: Matrix, rounding: float) -> Matrix:
    if not l1.any():
        # The shortest of several: a softmax doesn't mind a constant more for all classes.
        found: Matrix = -np.linalg.lstsq(curvature, slope, rcond=max(1e-13, 10 * rounding))[0]
        return found
    curved = np.maximum(np.diag(curvature), 1e-12)
    target, slopes = point.copy(), slope.copy()
    for _ in range(_PASSES_MAX):
        largest = 0.0
        for at in range(len(target)):
            wanted = target[at] - slopes[at] / curved[at]
            shrunk = np.sign(wanted) * max(abs(wanted) - l1[at] / curved[at], 0.0)
            change = shrunk - target[at]
            if change:
                target[at] = shrunk
                slopes += change * curvature[:, at]
                largest = max(largest, abs(change))
        if largest <= 1e-13 * max(1.0, float(np.abs(target).max())):
            break
    return np.asarray(target - point)
