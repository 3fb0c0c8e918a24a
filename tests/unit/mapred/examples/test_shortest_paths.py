"""The example of ways from a place, through `mapred submit`, against networkx."""

import random
import subprocess
import sys
from pathlib import Path

import networkx as nx

import mapred.examples

EXAMPLE = Path(mapred.examples.__file__).with_name("shortest_paths.py")


def test_the_ways_are_networkxs(tmp_path):
    # Not all places can be reached, and some are nine edges away.
    graph = nx.gnm_random_graph(150, 400, seed=1, directed=True)
    lengths = random.Random(1)
    with (tmp_path / "roads.txt").open("w") as file:
        for begin, end in graph.edges:
            graph[begin][end]["weight"] = lengths.randint(1, 20) / 4
            file.write(f"v{begin} v{end} {graph[begin][end]['weight']}\n")
    expected = {
        f"v{end}": length for end, length in nx.single_source_dijkstra_path_length(graph, 0).items()
    }
    assert len(expected) == 145

    command = [sys.executable, "-m", "mapred_cli.main", "submit", "--local", "--workers", "2"]
    words = [EXAMPLE, tmp_path / "roads.txt", "-D", "source=v0", "-o", tmp_path / "ways"]
    done = subprocess.run(
        [*command, *map(str, words)], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "no way got shorter" in done.stderr + done.stdout

    parts = sorted((tmp_path / "ways").glob("part-r-*"))
    assert len(parts) == 4
    lines = [line.split("\t") for part in parts for line in part.read_text().splitlines()]
    assert {vertex: float(way) for vertex, way in lines} == expected
    assert len(lines) == len(expected)
