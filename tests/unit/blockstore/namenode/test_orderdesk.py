import asyncio

from blockstore.model import DeleteReplicas, SendReport
from blockstore.namenode.orderdesk import ORDERS_PER_REPLY, OrderDesk

# Long enough that a test which waits for it fails by its own limit.
FOREVER = 1000.0


def run(scenario):
    asyncio.run(asyncio.wait_for(scenario(), 10))


def test_an_order_ends_the_wait_at_once():
    async def scenario():
        desk = OrderDesk()
        desk.registered("x", 1)
        waiting = asyncio.create_task(desk.wait("x", 0, FOREVER))
        await asyncio.sleep(0)
        desk.put("x", SendReport())
        assert await waiting == [(1, SendReport())]

    run(scenario)


def test_without_an_order_the_wait_ends_after_the_interval():
    async def scenario():
        desk = OrderDesk()
        desk.registered("x", 1)
        assert await desk.wait("x", 0, 0.001) == []

    run(scenario)


def test_orders_come_again_until_they_are_acknowledged():
    async def scenario():
        desk = OrderDesk()
        desk.registered("x", 1)
        desk.put("x", SendReport())
        desk.put("x", SendReport())
        assert [seq for seq, _ in await desk.wait("x", 0, FOREVER)] == [1, 2]
        assert [seq for seq, _ in await desk.wait("x", 0, FOREVER)] == [1, 2]
        assert [seq for seq, _ in await desk.wait("x", 1, FOREVER)] == [2]
        assert await desk.wait("x", 2, 0.001) == []

    run(scenario)


def test_a_newer_heartbeat_ends_the_older():
    async def scenario():
        desk = OrderDesk()
        desk.registered("x", 1)
        older = asyncio.create_task(desk.wait("x", 0, FOREVER))
        await asyncio.sleep(0)
        newer = asyncio.create_task(desk.wait("x", 0, FOREVER))
        assert await older == []
        desk.put("x", SendReport())
        assert [seq for seq, _ in await newer] == [1]

    run(scenario)


def test_a_new_incarnation_starts_with_no_orders_and_number_one():
    async def scenario():
        desk = OrderDesk()
        desk.registered("x", 1)
        desk.put("x", SendReport())
        held = asyncio.create_task(desk.wait("x", 1, FOREVER))
        await asyncio.sleep(0)
        desk.registered("x", 2)
        assert await held == []
        desk.put("x", SendReport())
        assert [seq for seq, _ in await desk.wait("x", 0, FOREVER)] == [1]

    run(scenario)


def test_a_node_that_registers_again_goes_on_counting_and_gets_no_order_from_before():
    async def scenario():
        desk = OrderDesk()
        desk.registered("x", 1)
        desk.put("x", SendReport())
        desk.put("x", SendReport())
        assert len(await desk.wait("x", 0, FOREVER)) == 2
        desk.registered("x", 1)
        desk.put("x", SendReport())
        assert await desk.wait("x", 1, FOREVER) == [(2, DeleteReplicas(())), (3, SendReport())]

    run(scenario)


def test_orders_for_nodes_that_never_registered_are_dropped():
    async def scenario():
        desk = OrderDesk()
        desk.put("x", SendReport())
        assert await desk.wait("x", 0, 0.001) == []

    run(scenario)


def test_a_reply_has_a_limited_number_of_orders():
    async def scenario():
        desk = OrderDesk()
        desk.registered("x", 1)
        for _ in range(ORDERS_PER_REPLY + 1):
            desk.put("x", SendReport())
        assert len(await desk.wait("x", 0, FOREVER)) == ORDERS_PER_REPLY
        assert len(await desk.wait("x", ORDERS_PER_REPLY, FOREVER)) == 1

    run(scenario)


def test_closing_answers_every_heartbeat():
    async def scenario():
        desk = OrderDesk()
        waits = []
        for node_id in "xyz":
            desk.registered(node_id, 1)
            waits.append(asyncio.create_task(desk.wait(node_id, 0, FOREVER)))
        await asyncio.sleep(0)
        desk.close()
        assert await asyncio.gather(*waits) == [[], [], []]

    run(scenario)
