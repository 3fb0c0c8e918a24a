"""Curves of a loop's rounds as an SVG picture: the loss, or whatever it shows of each round.

    python -m mapred.iterative.picture -m inertia out/_SUCCESS > inertia.svg
    python -m mapred.iterative.picture -m loss few=h1/_SUCCESS many=h100/_SUCCESS > loss.svg

In Python: `curves({"KMeans": [entry["inertia"] for entry in model.history_]}, "inertia")`. Both
axes are linear, or the upright one logarithmic where all values are above 0 and far apart.
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from html import escape
from math import ceil, floor, isfinite, log10
from pathlib import Path
from typing import Final

WIDTH: Final = 640
HEIGHT: Final = 360
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 16, 34, 44
# Told apart by people who see few colours, too (Okabe and Ito), and by dashes when there are more.
_COLOURS: Final = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
_DASHES: Final = ("", "6 3", "2 3")
_FAR_APART: Final = 50.0
_STEPS: Final = (1, 2, 5, 10)


def curves(series: Mapping[str, Sequence[float]], title: str, across: str = "round") -> str:
    """The picture. A curve has a value for each round, from 1; NaN and infinite ones are gaps.

    Raises:
        ValueError: there is nothing to draw.
    """
    values = [value for curve in series.values() for value in curve if isfinite(value)]
    if not values:
        raise ValueError(f"no round has a finite '{title}'")
    low, high = min(values), max(values)
    logarithmic = low > 0 and high / low > _FAR_APART
    marks = _decades(low, high) if logarithmic else _marks(low, high)
    low, high = min(low, marks[0]), max(high, marks[-1])
    last = max(map(len, series.values()))

    def x(number: float) -> float:
        return _LEFT + (WIDTH - _LEFT - _RIGHT) * (number - 1) / max(1, last - 1)

    def y(value: float) -> float:
        share = (
            log10(value / low) / log10(high / low)
            if logarithmic
            else (value - low) / ((high - low) or 1.0)
        )
        return HEIGHT - _BOTTOM - (HEIGHT - _TOP - _BOTTOM) * share

    parts = [_text(_LEFT, 20, title, "start", weight=True)]
    for mark in marks:
        parts.append(_line(_LEFT, y(mark), WIDTH - _RIGHT, y(mark)))
        parts.append(_text(_LEFT - 8, y(mark) + 4, f"{mark:g}", "end"))
    below = HEIGHT - _BOTTOM + 18
    parts += [_text(x(number), below, str(number), "middle") for number in _rounds(last)]
    parts.append(_text((_LEFT + WIDTH - _RIGHT) / 2, HEIGHT - 8, across, "middle"))
    for at, (name, curve) in enumerate(series.items()):
        colour, dash = _COLOURS[at % len(_COLOURS)], _DASHES[at // len(_COLOURS) % len(_DASHES)]
        points = [(x(n), y(v)) for n, v in enumerate(curve, 1) if isfinite(v)]
        parts.append(_curve(points, colour, dash))
        if len(series) > 1:
            height = _TOP + 14 + 18 * at
            parts.append(
                _curve([(WIDTH - 190, height - 4), (WIDTH - 166, height - 4)], colour, dash)
            )
            parts.append(_text(WIDTH - 158, height, name, "start"))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'width="{WIDTH}" height="{HEIGHT}" font-family="sans-serif" font-size="12">\n'
        '<rect width="100%" height="100%" fill="white"/>\n' + "\n".join(parts) + "\n</svg>\n"
    )


def _marks(low: float, high: float) -> list[float]:
    """Round numbers that enclose both, about five of them."""
    wide = (high - low) or abs(high) or 1.0
    power = 10.0 ** floor(log10(wide / 4))
    step = next(s * power for s in _STEPS if s * power >= wide / 4 * 0.999)
    first, last = floor(low / step + 1e-9), ceil(high / step - 1e-9)
    return [float(f"{at * step:.12g}") for at in range(first, last + 1)]


def _decades(low: float, high: float) -> list[float]:
    first, last = floor(log10(low) + 1e-9), ceil(log10(high) - 1e-9)
    step = max(1, (last - first) // 6)
    return [10.0**at for at in range(first, last + step, step)]


def _rounds(last: int) -> list[int]:
    step = max(
        1, int(next(s * 10**p for p in range(9) for s in (1, 2, 5) if s * 10**p >= last / 8))
    )
    return sorted({1, *range(step, last + 1, step)} - ({step} if step == 2 else set()))


def _line(x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<path d="M{x1:.1f} {y1:.1f}L{x2:.1f} {y2:.1f}" stroke="#ddd"/>'


def _curve(points: Sequence[tuple[float, float]], colour: str, dash: str) -> str:
    way = "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
    broken = f' stroke-dasharray="{dash}"' if dash else ""
    return f'<path d="M{way}" fill="none" stroke="{colour}" stroke-width="2"{broken}/>'


def _text(x: float, y: float, words: str, anchor: str, *, weight: bool = False) -> str:
    bold = ' font-weight="bold"' if weight else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{bold}>{escape(words)}</text>'


def metric_of(path: Path, metric: str) -> list[float]:
    """Of each round in a loop's _SUCCESS.

    Raises:
        ValueError: it's none, or no round has that metric; says which there are.
    """
    try:
        rounds = json.loads(path.read_text())["rounds"]
        found = [entry["metrics"].get(metric) for entry in rounds]
    except OSError as error:
        raise ValueError(f"{path} can't be read: {error.strerror}") from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise ValueError(f"{path} is no _SUCCESS of a loop: it tells of no rounds") from None
    if all(value is None for value in found):
        known = sorted({name for entry in rounds for name in entry["metrics"]})
        raise ValueError(
            f"{path}: no round has '{metric}'. There are: {', '.join(known) or 'none'}"
        )
    return [float("nan") if value is None else float(value) for value in found]


def main(words: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m mapred.iterative.picture", description="Curves of loops as SVG."
    )
    parser.add_argument("loops", nargs="+", metavar="[NAME=]OUTPUT/_SUCCESS")
    parser.add_argument("-m", "--metric", required=True, help="what to draw, such as loss")
    options = parser.parse_args(words)
    series = {}
    try:
        for word in options.loops:
            name, _, path = word.rpartition("=")
            series[name or Path(path).parent.name] = metric_of(Path(path), options.metric)
        sys.stdout.write(curves(series, options.metric))
    except ValueError as error:
        print(f"picture: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
