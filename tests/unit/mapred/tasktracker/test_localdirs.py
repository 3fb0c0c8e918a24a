import pytest

from mapred.tasktracker.localdirs import Health, LocalDirectories, Look


def directories(**free_bytes: int) -> LocalDirectories:
    found = LocalDirectories([f"/{name}" for name in free_bytes], out_s=10.0)
    found.looked([Look(f"/{name}", free_bytes=free) for name, free in free_bytes.items()])
    return found


def test_equal_disks_take_turns() -> None:
    local = directories(a=100, b=100, c=100)

    assert [local.choose({}) for _ in range(6)] == ["/a", "/b", "/c", "/a", "/b", "/c"]


def test_a_larger_disk_gets_as_many_more_attempts_as_it_has_more_room() -> None:
    local = directories(small=100, large=300)

    chosen = [local.choose({}) for _ in range(8)]

    assert (chosen.count("/large"), chosen.count("/small")) == (6, 2)


def test_what_runs_on_a_disk_counts_after_the_next_look_too() -> None:
    local = directories(a=100, b=100)

    assert local.choose({"/a": 2}) == "/b"


def test_what_was_sent_before_the_last_look_counts_only_while_it_runs() -> None:
    local = directories(a=100, b=100)
    local.choose({})
    local.looked([Look("/a", free_bytes=100), Look("/b", free_bytes=100)])

    assert local.choose({}) == "/a"


def test_an_attempt_that_was_sent_and_runs_is_one() -> None:
    local = directories(a=100, b=40)
    local.choose({})

    assert local.choose({"/a": 1}) == "/a"


def test_a_full_directory_takes_nothing_and_loses_nothing() -> None:
    local = directories(a=900, b=100)

    assert local.looked([Look("/a", Health.FULL, 1, "no room")]) == []
    assert {local.choose({}) for _ in range(3)} == {"/b"}
    assert local.troubles == ("/a: no room",)
    local.looked([Look("/a", free_bytes=900)])
    assert local.troubles == ()
    assert local.choose({}) == "/a"


def test_a_directory_fails_once_until_it_comes_back() -> None:
    local = directories(a=1)
    bad = Look("/a", Health.FAILED, why="Input/output error")

    assert [local.looked([bad]), local.looked([bad])] == [["/a"], []]
    local.looked([Look("/a", free_bytes=1)])
    assert local.looked([bad]) == ["/a"]


def test_an_attempt_without_room_takes_its_directory_out_for_a_while() -> None:
    local = directories(a=100, b=1)
    local.refused("/a", "No space left on device", now=5.0)
    local.looked([Look("/a", free_bytes=100)])

    assert local.choose({}) == "/b"
    local.tick(14.9)
    assert local.troubles == ("/a: No space left on device",)
    local.tick(15.0)
    assert local.troubles == ()


def test_where_nobody_looks_none_is_taken_out() -> None:
    local = LocalDirectories(["/a"], out_s=0.0)
    local.refused("/a", "No space left on device", now=5.0)

    assert local.choose({}) == "/a"


def test_without_any_directory_there_is_nothing_to_choose() -> None:
    local = directories(a=100)
    local.looked([Look("/a", Health.FAILED, why="Input/output error")])

    assert not local.usable
    with pytest.raises(LookupError):
        local.choose({})
