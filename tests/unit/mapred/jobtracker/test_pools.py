from collections import Counter
from typing import Any

import pytest

from blockstore.errors import ConfigException
from mapred.errors import NoSuchJobError, RefusedError
from mapred.jobtracker.pools import Pool, Pools, parse
from mapred.model import Priority
from tests.unit.mapred.jobtracker.conftest import Master


def _master(**pools: Pool) -> Master:
    return Master(pools=Pools(pools, listed=True))


def _submit(master: Master, name: str, maps: int = 40, **spec: Any) -> str:
    master.output = f"file:///out-{name}"
    return master.submit(maps, request=name, **spec)


def _all_running(master: Master) -> Counter[str]:
    jobs = master.core.book.jobs.values()
    return Counter({job.id: len(job.live) for job in jobs})


def test_pools_share_by_weight_and_jobs_of_a_pool_share_its_part() -> None:
    master = _master(big=Pool(weight=3.0), small=Pool(weight=1.0))
    first, second = _submit(master, "1", pool="big"), _submit(master, "2", pool="big")
    third = _submit(master, "3", pool="small")

    master.tracker("a", slots=16)

    assert _all_running(master) == {first: 6, second: 6, third: 4}


def test_what_a_pool_does_not_use_others_do() -> None:
    master = _master(big=Pool(weight=9.0, min_maps=8))
    job = _submit(master, "1")

    master.tracker("a", slots=10)

    assert _all_running(master) == {job: 10}


def test_a_minimum_share_comes_before_weights() -> None:
    master = _master(etl=Pool(weight=0.1, min_maps=5))
    other = _submit(master, "1")
    etl = _submit(master, "2", pool="etl")

    master.tracker("a", slots=8)

    assert _all_running(master) == {other: 3, etl: 5}


def test_in_a_fifo_pool_the_older_job_goes_first_and_a_higher_priority_before_it() -> None:
    master = _master(default=Pool(order="fifo"))
    _submit(master, "old"), _submit(master, "young")
    urgent = _submit(master, "urgent", priority=Priority.HIGH)
    a = master.tracker("a", slots=4)

    assert _all_running(master)[urgent] == 4
    a.beat().orders.clear()
    master.kill(urgent)
    assert a.beat().said == ["kill m0.0", "kill m1.0", "kill m2.0", "kill m3.0"]


def test_in_a_fair_pool_a_priority_is_a_weight(master: Master) -> None:
    high = _submit(master, "1", priority=Priority.VERY_HIGH)
    normal = _submit(master, "2")

    master.tracker("a", slots=10)

    assert _all_running(master) == {high: 8, normal: 2}


def test_a_changed_priority_counts_for_the_next_slots_and_after_a_restart(master: Master) -> None:
    first, second = _submit(master, "1"), _submit(master, "2")

    changed, ready = master.core.set_priority(second, Priority.VERY_HIGH, master.now)
    master.take(ready)
    master.tracker("a", slots=5)
    assert changed
    assert _all_running(master) == {first: 1, second: 4}

    master.restart()
    master.tracker("b", slots=5)
    assert master.status(second).priority is Priority.VERY_HIGH
    assert _all_running(master) == {first: 2, second: 8}


def test_the_priority_of_a_job_that_is_over_or_unknown_can_not_be_changed(master: Master) -> None:
    job = _submit(master, "1")
    master.kill(job)
    master.perform()

    assert master.core.set_priority(job, Priority.LOW, master.now)[0] is False
    with pytest.raises(NoSuchJobError):
        master.core.set_priority("job_x", Priority.LOW, master.now)


def test_without_a_file_of_pools_any_name_is_a_pool_and_with_one_only_its_names() -> None:
    _submit(Master(), "1", pool="whatever")
    listed = _master(etl=Pool())
    _submit(listed, "1", pool="default")

    with pytest.raises(RefusedError, match=r"no pool 'elt' here\. The pools are: default, etl"):
        _submit(listed, "2", pool="elt")


def test_the_report_of_pools_has_those_configured_and_those_in_use() -> None:
    master = _master(etl=Pool(weight=2.0))
    _submit(master, "1", maps=3)
    master.tracker("a", slots=2)

    shown = [
        (p.name, p.weight, p.jobs_running, p.maps_running, p.maps_waiting)
        for p in master.core.pools()
    ]

    assert shown == [("default", 1.0, 1, 2, 1), ("etl", 2.0, 0, 0, 0)]


def test_a_file_of_pools_is_a_table_a_pool() -> None:
    text = '[etl]\nweight = 2.5\nmin_maps = 4\n\n[adhoc]\norder = "fifo"\n'

    assert parse(text, "pools.toml") == Pools(
        {"etl": Pool(weight=2.5, min_maps=4), "adhoc": Pool(order="fifo")}, listed=True
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[etl", "pools.toml: Expected ']'"),
        ("etl = 3", "'etl' is no table"),
        ("[etl]\nwieght = 2", "pool etl: unknown key 'wieght'. There are weight, min_maps"),
        ('[etl]\nweight = "much"', "pool etl: Expected `float`"),
        ("[etl]\nweight = 0", "weight is 0; it must be above 0"),
        ("[etl]\nmin_maps = -1", "a minimum share can't be negative"),
        ('[etl]\norder = "lifo"', "order is 'lifo'; it can be 'fair' or 'fifo'"),
    ],
)
def test_a_wrong_file_of_pools_is_told_with_place_and_reason(text: str, message: str) -> None:
    with pytest.raises(ConfigException) as caught:
        parse(text, "pools.toml")

    assert message in str(caught.value)
