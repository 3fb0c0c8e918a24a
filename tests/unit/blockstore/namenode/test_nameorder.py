import random

from hypothesis import given, settings
from hypothesis import strategies as st

from blockstore.namenode import nameorder
from blockstore.namenode.nameorder import NameOrder

names = st.text(alphabet="abñ😀", max_size=4)
changes = st.lists(st.tuples(st.sampled_from(["add", "remove", "work", "look"]), names))


def ready(order, present):
    while not order.is_ready:
        order.work(present, 3)


@settings(deadline=None)
@given(st.sets(names), changes, names, st.booleans())
def test_whatever_comes_and_goes_the_order_is_that_of_sorted(begin, steps, start, including):
    present = set(begin)
    order = NameOrder(present)
    for change, name in steps:
        if change == "add" and name not in present:
            present.add(name)
            order.add(name)
        elif change == "remove" and name in present:
            present.remove(name)
            order.remove(name)
        elif change == "work":
            order.work(present, 2)
        elif change == "look":
            ready(order, present)
            assert list(order.following("", including=True)) == sorted(present)
    ready(order, present)
    expected = [n for n in sorted(present) if n > start or (including and n == start)]
    assert list(order.following(start, including=including)) == expected


def test_buckets_stay_small_however_names_come():
    rng = random.Random(1)
    present = {f"{rng.random()}" for _ in range(20_000)}
    order = NameOrder(present)
    ready(order, present)
    for number in range(20_000):
        order.add(f"log-{number:09d}")
    assert max(map(len, order._buckets)) <= 4 * nameorder.BUCKET_NAMES
    assert sum(map(len, order._buckets)) == 40_000
