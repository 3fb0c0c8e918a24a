"""Checks of estimators' parameters, in words that name the parameter and what it may be."""

import reprlib
from typing import Any, Final

import numpy as np
import numpy.typing as npt

# What tasks' parameters hold.
SEED_MAX: Final = 2**63 - 1


def whole_number(name: str, value: Any, least: int = 1, most: int | None = None) -> int:
    """Raises ValueError."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise ValueError(f"{name}={value!r}: a whole number of {_range(least, most)} is needed")
    if value < least or (most is not None and value > most):
        raise ValueError(f"{name}={value!r}: a whole number of {_range(least, most)} is needed")
    return int(value)


def seed(value: Any) -> int:
    """`random_state`. Raises ValueError."""
    return whole_number("random_state", value, 0, SEED_MAX)


def number(
    name: str,
    value: Any,
    least: float = 0.0,
    most: float = np.inf,
    *,
    above: bool = False,
    finite: bool = True,
) -> float:
    """`above`: the least itself isn't allowed; `finite`: nor is infinity. Raises ValueError."""
    try:
        real = isinstance(value, int | float | np.integer | np.floating) and not isinstance(
            value, bool
        )
        found = float(value) if real else np.nan
    except OverflowError:
        # A whole one of more than 300 digits.
        found = np.nan
    fits = (least < found if above else least <= found) and found <= most
    if not fits or (finite and np.isinf(found)):
        words = f"above {least:g}" if above else f"of {_range(least, most)}"
        raise ValueError(f"{name}={reprlib.repr(value)}: a number {words} is needed")
    return found


def choice(name: str, value: Any, *known: Any) -> Any:
    """Raises ValueError."""
    if not any(type(value) is type(one) and value == one for one in known):
        raise ValueError(f"{name}={value!r}: {' or '.join(map(repr, known))} is needed")
    return value


def flag(name: str, value: Any) -> bool:
    """Raises ValueError: it is neither True nor False."""
    if not isinstance(value, bool | np.bool_):
        raise ValueError(f"{name}={reprlib.repr(value)}: True or False is needed")
    return bool(value)


def words(name: str, values: Any, more: str = "") -> list[str]:
    """Raises ValueError: they are no list of words; `more` is said then, too."""
    try:
        found = None if isinstance(values, str) else list(values)
    except TypeError:
        found = None
    if found is None or not all(isinstance(one, str) for one in found):
        raise ValueError(f"{name}={reprlib.repr(values)}: a list of words is needed{more}")
    return found


def numbers(name: str, values: Any) -> npt.NDArray[np.float64]:
    """As an array of their own. Raises ValueError: they are none, or not finite."""
    try:
        found = np.array(values, np.float64)
    except (TypeError, ValueError):
        raise ValueError(f"{name}={reprlib.repr(values)}: numbers are needed") from None
    if not np.isfinite(found).all():
        raise ValueError(f"{name}={reprlib.repr(values)}: finite numbers are needed")
    return found


def _range(least: float, most: float | None) -> str:
    return f"at least {least:g}" + ("" if most in (None, np.inf) else f" and at most {most:g}")


def word(value: Any) -> str:
    """A value as the job's `-D` takes it."""
    match value:
        case None:
            return ""
        case bool():
            return str(value).lower()
        case list() | tuple():
            return ",".join(map(word, value))
        case float() | np.floating():
            return repr(float(value))
    return str(value)
