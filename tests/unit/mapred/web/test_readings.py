"""How the site asks masters that answer, fail, hang and come back."""

import asyncio
import threading
from collections.abc import Callable

from blockstore.runtime.clock import FakeClock
from mapred.web.readings import UNDER_WAY_MAX, Reading, Readings


def read_all(
    readings: Readings, asks: list[tuple[str, Callable[[], object]]]
) -> list[Reading[object]]:
    async def run() -> list[Reading[object]]:
        return list(await asyncio.gather(*(readings.read(key, ask) for key, ask in asks)))

    return asyncio.run(run())


def failing() -> object:
    raise ConnectionError("nobody at 127.0.0.1:8020")


def test_an_answer_is_shared_and_stays_fresh_for_a_while():
    clock = FakeClock()
    readings = Readings(clock=clock, fresh_s=1.0)
    asked: list[int] = []

    def ask() -> int:
        asked.append(1)
        return len(asked)

    assert [r.value for r in read_all(readings, [("x", ask)] * 3)] == [1, 1, 1]
    clock.advance(0.9)
    assert read_all(readings, [("x", ask)])[0].value == 1
    clock.advance(0.2)
    assert read_all(readings, [("x", ask)])[0].value == 2


def test_the_last_answer_is_kept_with_its_age_when_a_master_fails():
    clock = FakeClock()
    readings = Readings(clock=clock, fresh_s=1.0)
    read_all(readings, [("x", lambda: "fine")])
    clock.advance(30.0)
    reading = read_all(readings, [("x", failing)])[0]
    assert (reading.value, reading.age_s, str(reading.problem)) == (
        "fine",
        30.0,
        "nobody at 127.0.0.1:8020",
    )
    assert read_all(readings, [("x", lambda: "back")])[0] == Reading("back")


def test_a_master_that_hangs_is_waited_for_once():
    clock = FakeClock()
    readings = Readings(clock=clock, patience_s=0.05)
    answered = threading.Event()

    def hang() -> str:
        answered.wait(60)
        return "late"

    async def run() -> list[Reading[str]]:
        first = await readings.read("x", hang)
        clock.advance(5.0)
        second = await asyncio.wait_for(readings.read("x", hang), 30)
        answered.set()
        # As if it had been asked just now: there is patience left.
        clock.advance(-60.0)
        return [first, second, await readings.read("x", hang)]

    first, second, third = asyncio.run(run())
    assert (first.value, str(first.problem)) == (None, "no answer for 0 s")
    assert (second.value, str(second.problem)) == (None, "no answer for 5 s")
    assert third.value == "late"
    assert third.problem is None


def test_questions_under_way_are_bounded():
    readings = Readings(patience_s=0.0)
    answered = threading.Event()

    async def run() -> Reading[bool]:
        for index in range(UNDER_WAY_MAX):
            await readings.read(f"job {index}", lambda: answered.wait(60))
        one_more = await readings.read("job x", lambda: True)
        answered.set()
        return one_more

    assert "too many questions" in str(asyncio.run(run()).problem)
