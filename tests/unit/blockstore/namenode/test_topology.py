import asyncio
import logging

import pytest

from blockstore.errors import ConfigException
from blockstore.model import Node
from blockstore.namenode.topology import Topology


def node(number, rack="/own"):
    return Node(f"dn{number}", f"10.0.0.{number}", 9866, rack)


def racks(topology, *nodes):
    async def ask():
        return [placed.rack for placed in await asyncio.gather(*map(topology.placed, nodes))]

    return asyncio.run(ask())


def script(path, body):
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return str(path)


@pytest.fixture
def counted(tmp_path):
    """A script that notes every call; racks are the last digits."""
    return script(
        tmp_path / "racks.sh",
        f'echo "$@" >> {tmp_path}/calls\nfor host; do echo /rack-${{host##*.}}; done',
    )


def test_without_a_script_a_nodes_own_word_counts():
    assert racks(Topology(None), node(1, "/a/b")) == ["/a/b"]


def test_the_scripts_word_counts_and_is_asked_once(counted, tmp_path):
    topology = Topology(counted)
    assert racks(topology, node(1), node(2)) == ["/rack-1", "/rack-2"]
    calls = (tmp_path / "calls").read_text()
    assert sorted(calls.split()) == ["10.0.0.1", "10.0.0.2"]


def test_many_registrations_at_once_are_one_call(counted, tmp_path):
    asked = [node(number) for number in range(1, 30)]
    assert racks(Topology(counted), *asked) == [f"/rack-{n}" for n in range(1, 30)]
    assert len((tmp_path / "calls").read_text().splitlines()) <= 2


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("echo kaputt >&2; exit 3", "ended with code 3: kaputt"),
        ("sleep 60", "no answer within 0.2 s"),
        ("echo /a; echo /b", "2 lines for 1 hosts"),
        ("echo nowhere", "'nowhere' names no rack"),
    ],
)
def test_a_script_that_fails_leaves_the_nodes_own_word(tmp_path, caplog, body, words):
    topology = Topology(script(tmp_path / "bad.sh", body), script_s=0.2)
    with caplog.at_level(logging.WARNING):
        assert racks(topology, node(1)) == ["/own"]
    assert words in caplog.text


@pytest.mark.parametrize("rack", ["rack", "/", "/a//b", "/a b", ""])
def test_a_rack_is_a_path(rack):
    with pytest.raises(ConfigException, match="names no rack"):
        racks(Topology(None), node(1, rack))
