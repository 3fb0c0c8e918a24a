"""Many blocks with a replica too many, at once."""


def test_surplus_of_many_blocks_goes_from_all_nodes_alike(cluster):
    cluster.add_nodes("abc")
    for number in range(9):
        cluster.write(f"/f{number}", 10, replication=3)
        cluster.take(cluster.core.set_replication(f"/f{number}", 2))
    cluster.tick()
    assert sorted(node_id for node_id, _ in cluster.take_orders()) == list("aaabbbccc")


def test_surplus_goes_from_the_fullest_node_until_it_is_no_fuller(cluster):
    cluster.add_nodes("abc")
    for node_id, used in (("a", 90), ("b", 150), ("c", 90)):
        cluster.beat(node_id, free_bytes=1024**3 - used)
    for number in range(9):
        cluster.write(f"/f{number}", 10, replication=3)
        cluster.take(cluster.core.set_replication(f"/f{number}", 2))
    cluster.tick()
    assert sorted(node_id for node_id, _ in cluster.take_orders()) == list("abbbbbbbc")
