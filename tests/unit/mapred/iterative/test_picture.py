"""Pictures of rounds: well-formed, every value in its place, and what can't be drawn is told."""

import json
from itertools import pairwise
from xml.etree import ElementTree

import pytest

from mapred.iterative.picture import HEIGHT, WIDTH, curves, main

SVG = "{http://www.w3.org/2000/svg}"


def drawn(text):
    root = ElementTree.fromstring(text)
    lines = [path.get("d") for path in root.iter(f"{SVG}path") if path.get("fill") == "none"]
    points = [
        [tuple(map(float, point.split())) for point in line.removeprefix("M").split("L")]
        for line in lines
    ]
    return points, [text.text for text in root.iter(f"{SVG}text")]


def test_a_curve_goes_from_left_to_right_and_falls_with_its_values():
    (curve,), words = drawn(curves({"a": [8.0, 4.0, 2.0, 1.0]}, "loss <&>"))
    assert len(curve) == 4
    assert [x for x, _ in curve] == sorted(x for x, _ in curve)
    assert [y for _, y in curve] == sorted(y for _, y in curve)
    assert all(0 < x < WIDTH and 0 < y < HEIGHT for x, y in curve)
    assert words[0] == "loss <&>"
    assert "round" in words


def test_values_far_apart_are_drawn_by_their_logarithms():
    (curve,), words = drawn(curves({"a": [1000.0, 100.0, 10.0, 1.0]}, "loss"))
    steps = [b - a for (_, a), (_, b) in pairwise(curve)]
    assert max(steps) - min(steps) < 0.2
    assert {"1", "10", "100", "1000"} <= set(words)


@pytest.mark.parametrize("values", [[3.0], [0.0, 0.0], [-5.0, float("nan"), float("inf"), 1e9]])
def test_any_finite_values_can_be_drawn(values):
    found, _ = drawn(curves({"a": values, "b": values[:1]}, "loss"))
    assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for curve in found for x, y in curve)


def test_the_command_draws_what_a_loop_has_left(tmp_path, capsys):
    rounds = [{"number": n, "seconds": 0.1, "metrics": {"loss": 1 / n}} for n in (1, 2, 3)]
    (tmp_path / "_SUCCESS").write_text(json.dumps({"rounds": rounds}))
    path = str(tmp_path / "_SUCCESS")
    assert main(["-m", "loss", f"few={path}", f"many={path}"]) == 0
    _, words = drawn(capsys.readouterr().out)
    assert {"few", "many"} <= set(words)
    assert main(["-m", "speed", path]) == 2
    assert "no round has 'speed'. There are: loss" in capsys.readouterr().err
    (tmp_path / "_SUCCESS").write_text("{}")
    assert main(["-m", "loss", path]) == 2
    assert "is no _SUCCESS of a loop" in capsys.readouterr().err
    assert main(["-m", "loss", str(tmp_path / "nothing")]) == 2
