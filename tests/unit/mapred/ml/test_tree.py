"""A sum over splits: the same bits however they are shared out to tasks, and few of them travel."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from mapred.ml.summation import plus
from mapred.ml.tree import Tree


def joined(left, right):
    """Shows who was added to whom."""
    return right if left is None else f"({left}+{right})"


def shared_out(leaves: dict[int, str], borders: list[int]) -> tuple[list[str], int]:
    """What is left after tasks that end at the borders, and a reducer; how much has travelled."""
    sent = []
    for begin, end in pairwise([0, *borders]):
        tree = Tree(joined, begin)
        for number in range(begin, end):
            if number in leaves:
                tree.add(number, leaves[number])
        tree.close(end)
        sent += tree.sums
    whole = Tree(joined)
    for first, found in sent:
        whole.add(first, found)
    whole.close()
    return [found for _, found in whole.sums], len(sent)


def test_neighbours_meet_first():
    leaves = {number: str(number) for number in range(7)}
    assert shared_out(leaves, [7])[0] == ["(((0+1)+(2+3))+((4+5)+6))"]


def test_a_task_hands_on_what_is_not_whole():
    tree = Tree(joined, 1)
    for number in range(1, 7):
        tree.add(number, str(number))
    tree.close(7)
    assert tree.sums == [(1, "1"), (2, "(2+3)"), (4, "(4+5)"), (6, "6")]


def test_of_64_splits_in_6_tasks_about_a_third_travels():
    leaves = {number: str(number) for number in range(64)}
    whole, travelled = shared_out(leaves, [11, 22, 32, 43, 54, 64])
    assert travelled <= 22
    assert whole == shared_out(leaves, [64])[0]


@given(st.sets(st.integers(0, 40)), st.sets(st.integers(1, 40), max_size=6))
def test_tasks_and_splits_without_a_statistic_change_nothing(present, borders):
    leaves = {number: str(number) for number in present}
    alone = shared_out(leaves, list(range(1, 42)))[0]
    assert shared_out(leaves, [*sorted(borders), 41])[0] == alone
    assert len(alone) == min(1, len(leaves))


def test_what_was_given_is_not_changed():
    part = {"count": 1}
    tree = Tree(plus)
    tree.add(0, part)
    tree.add(1, {"count": 2})
    tree.close()
    assert (part, tree.sums) == ({"count": 1}, [(0, {"count": 3})])
