"""A job's keys come out as Python sorts them by the documented order, whatever their types."""

import datetime
import sys
from functools import cmp_to_key
from pathlib import Path

import pytest
from harness import Run
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mapred import Count, Job, Mapper

sys.path.insert(0, str(Path(__file__).parent.parent / "shuffle"))
from orders import Documented, keys, numbers, times

NAMES = {"nan": float("nan"), "inf": float("inf"), "datetime": datetime}
# As real jobs have them: of one type for long, then of another.
changing = st.one_of(
    st.lists(keys, max_size=40),
    st.tuples(
        st.lists(st.text(max_size=3), max_size=20), st.lists(numbers | times, max_size=20)
    ).map(lambda parts: [*parts[0], *parts[1]]),
    st.tuples(
        st.lists(st.integers(-5, 5), max_size=20), st.lists(st.floats(-5, 5), max_size=20)
    ).map(lambda parts: [*parts[0], *parts[1]]),
)


class Keys(Mapper):
    def map(self, offset, line):
        yield eval(line, NAMES), 1


class Counts(Job):
    mapper, reducer = Keys, Count


def in_order(given_keys):
    """The first of equal keys, and how many they are."""

    def compare(one, other):
        left, right = Documented(one), Documented(other)
        return -1 if left < right else 0 if left == right else 1

    found = []
    for key in sorted(given_keys, key=cmp_to_key(compare)):
        if found and Documented(found[-1][0]) == Documented(key):
            found[-1][1] += 1
        else:
            found.append([key, 1])
    return [(Documented(key), count) for key, count in found]


@pytest.mark.parametrize("maps", [1, 3])
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(changing)
def test_keys_of_all_types_are_sorted_and_grouped_as_documented(tmp_path_factory, maps, given_keys):
    # What has no place in a line of text, such as a lone surrogate, has one in the order.
    written = [key for key in given_keys if str(key).isprintable()]
    folder = tmp_path_factory.mktemp("k")
    run = Run(Counts, folder / "run", list(map(ascii, written)), maps=maps, reducers=1).all()
    lines = [line.rsplit("\t", 1) for line in "".join(run.outputs.values()).split("\n") if line]
    wanted = in_order(written)
    assert [int(count) for _, count in lines] == [count for _, count in wanted]
    assert run.counter("reduce_input_groups") == len(wanted)
    assert [text for text, _ in lines] == [str(documented.key) for documented, _ in wanted]
