"""Runs the engine's own blocking code in simulated time: one thread at a time, ever.

The code runs on a thread that stands still whenever the world moves, and the world stands
still while the thread runs. What it asks of the world (a call, a sleep) is a coroutine that
the world runs for it. When its host dies, it dies at the line where it stands.
"""

import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from simulator.world import Died, World

Result = TypeVar("Result")
Wish = Callable[[], Coroutine[Any, Any, Any]]


class Bridge:
    """One run of one blocking function."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._to_thread = threading.Semaphore(0)
        self._to_world = threading.Semaphore(0)
        self._wish: Wish | None = None
        self._answer: Any = None
        self._error: BaseException | None = None
        self._abandoned = False

    # --- the world's side

    async def run(self, function: Callable[[], Result]) -> Result:
        result: list[Result] = []
        failure: list[BaseException] = []

        def body() -> None:
            try:
                result.append(function())
            except BaseException as error:
                failure.append(error)
            self._wish = None
            self._to_world.release()

        thread = threading.Thread(target=body, name="bridged", daemon=True)
        thread.start()
        self._to_world.acquire()
        try:
            while self._wish is not None:
                await self._grant(self._wish)
        except BaseException:
            # The host is dead.
            self._abandoned = True
            while self._wish is not None:
                self._answer, self._error = None, Died()
                self._switch()
            raise
        finally:
            thread.join()
        if failure:
            raise failure[0]
        return result[0]

    async def _grant(self, wish: Wish) -> None:
        try:
            self._answer, self._error = await wish(), None
        except Exception as error:
            self._answer, self._error = None, error
        self._switch()

    def _switch(self) -> None:
        self._to_thread.release()
        self._to_world.acquire()

    # --- the thread's side

    def wait_for(self, wish: Wish) -> Any:
        """What the coroutine returns or raises."""
        if self._abandoned:
            raise Died
        self._wish = wish
        self._to_world.release()
        self._to_thread.acquire()
        if self._error is not None:
            raise self._error
        return self._answer


class BridgedClock:
    """blockstore.runtime.clock.Clock, by the world's time."""

    def __init__(self, bridge: Bridge) -> None:
        self._bridge = bridge

    def monotonic(self) -> float:
        return self._bridge.world.now

    def wall(self) -> float:
        return self._bridge.world.wall_s

    def sleep(self, seconds: float) -> None:
        async def wish() -> None:
            await self._bridge.world.sleep(seconds)

        self._bridge.wait_for(wish)
