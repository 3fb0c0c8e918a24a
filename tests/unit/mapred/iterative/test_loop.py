import numpy as np
import pytest

from mapred import Mapper
from mapred.errors import JobDefinitionError
from mapred.iterative import IterativeJob, max_rounds
from mapred.iterative.loop import check_loop, largest_change


class Counts(IterativeJob):
    mapper = Mapper
    until = max_rounds(1)

    def initial_state(self):
        return 0

    def step(self, state, output):
        return state + 1


def test_a_loop_with_all_its_parts_is_taken():
    check_loop(Counts)


@pytest.mark.parametrize(
    ("attributes", "words"),
    [
        ({"step": IterativeJob.step}, r"without step\(self"),
        ({"initial_state": IterativeJob.initial_state}, "without initial_state"),
        ({"until": None}, "must know when to end"),
        ({"until": 3}, "until is 3"),
        ({"checkpoint_every": -1}, "can't be below 0"),
    ],
)
def test_what_a_loop_lacks_is_said_before_anything_runs(attributes, words):
    with pytest.raises(JobDefinitionError, match=words):
        check_loop(type("Broken", (Counts,), attributes))


@pytest.mark.parametrize(
    ("old", "new", "change"),
    [
        (1, 3.5, 2.5),
        (np.array([1.0, 2.0]), np.array([1.0, 5.0]), 3.0),
        ({"a": 1, "b": (2, [3])}, {"a": 1, "b": (2, [7])}, 4.0),
        (np.zeros(2), np.zeros(3), np.inf),
        ({"a": 1}, {"b": 1}, np.inf),
        ([1], [1, 2], np.inf),
        (np.array([0], "u1"), np.array([255], "u1"), 255.0),
        ({}, {}, 0.0),
        (np.zeros((0, 2)), np.zeros((0, 2)), 0.0),
    ],
)
def test_the_distance_is_the_largest_change_of_any_number(old, new, change):
    assert largest_change(old, new) == change


def test_what_has_no_distance_must_be_given_one():
    with pytest.raises(TypeError, match="define distance"):
        largest_change("a", "b")


@pytest.mark.parametrize(
    ("state", "pairs"),
    [
        ({"b": 1, "a": 2}, [("b", 1), ("a", 2)]),
        (np.array([[1.0, 2.0], [3.0, 4.0]]), [(0, [1.0, 2.0]), (1, [3.0, 4.0])]),
        ((7, 8), [(0, 7), (1, 8)]),
        (0.5, [("state", 0.5)]),
    ],
)
def test_a_state_is_written_in_the_way_that_fits_it(state, pairs):
    assert list(Counts().result(state)) == pairs
