import pytest

from blockstore.runtime import heap


@pytest.fixture
def given_back(monkeypatch):
    times = []
    monkeypatch.setattr(heap, "give_back_freed_memory", lambda: times.append(1))
    return times


def test_freed_memory_goes_back_whenever_enough_has_passed(given_back):
    giving = heap.GivingBack(100)
    found = []
    for total in (40, 99, 100, 150, 199, 240, 339, 340):
        giving.passed(total)
        found.append(len(given_back))
    assert found == [0, 0, 1, 1, 1, 2, 2, 3]


def test_it_never_does_where_nobody_has_asked_for_it(given_back):
    heap.GivingBack(0).passed(1 << 40)
    assert given_back == []
