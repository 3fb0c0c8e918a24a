"""Graphs against networkx: ranks to 1e-9, the rest equal."""

import warnings

import networkx as nx
import numpy as np
import pytest

from mapred.ml import (
    ConnectedComponents,
    ConvergenceWarning,
    PageRank,
    ShortestPaths,
    TriangleCount,
    session,
)
from tests.unit.mapred.ml.inline import InlineEngine

# Real graphs that networkx brings along, and one with vertices that lead nowhere.
KARATE = nx.karate_club_graph()
WOMEN = nx.convert_node_labels_to_integers(nx.davis_southern_women_graph(), first_label=100)
LOOSE = nx.gnp_random_graph(60, 0.03, seed=4, directed=True)
GRAPHS = pytest.mark.parametrize("graph", [KARATE, WOMEN, LOOSE], ids=["karate", "women", "loose"])


def edges_of(graph, weight=None):
    rows = [(a, b, data.get(weight, 1.0)) for a, b, data in graph.edges(data=True)]
    return np.array(rows, float)


def both_ways(graph, weight=None):
    edges = edges_of(graph, weight)
    return edges if graph.is_directed() else np.concatenate([edges, edges[:, [1, 0, 2]]])


def touched(graph):
    return graph.edge_subgraph(graph.edges).copy()


@GRAPHS
@pytest.mark.parametrize("weight", [None, "weight"])
def test_ranks_are_networkxs(graph, weight):
    theirs = nx.pagerank(touched(graph), tol=1e-13, max_iter=1000, weight=weight)
    ours = PageRank(tol=1e-13, max_iter=1000).fit(both_ways(graph, weight))
    assert ours.vertices_.tolist() == sorted(theirs)
    expected = [theirs[vertex] for vertex in ours.vertices_]
    np.testing.assert_allclose(ours.ranks_, expected, rtol=0, atol=1e-9)
    changes = [entry["change"] for entry in ours.history_[1:]]
    assert changes[-1] < changes[0]


def test_edges_in_files_keep_the_names_of_their_vertices(tmp_path):
    edges = both_ways(WOMEN)[:, :2]
    np.savetxt(tmp_path / "a.csv", edges[:70], delimiter=",", fmt="%d")
    np.savetxt(tmp_path / "b.csv", edges[70:], delimiter=",", fmt="%d")
    ours, array = PageRank(tol=1e-9).fit(tmp_path), PageRank(tol=1e-9).fit(edges)
    assert ours.vertices_.tolist() == array.vertices_.tolist()
    np.testing.assert_allclose(ours.ranks_, array.ranks_, rtol=1e-12)


@pytest.fixture
def edges_in_text(tmp_path, monkeypatch):
    """Many splits, and parts; few vertices have most of the edges that arrive."""
    monkeypatch.setattr("mapred.ml.edgeparts.PART_EDGES", 6000)
    monkeypatch.setattr("mapred.formats.splits._SPLIT_BYTES_MIN", 40_000)
    random = np.random.default_rng(6)
    target = (3000 * random.random(45_000) ** 3).astype(int)
    np.savetxt(
        tmp_path / "edges.csv",
        np.column_stack([random.integers(0, 3000, 45_000), target]),
        "%d",
        ",",
    )
    return tmp_path / "edges.csv"


def _rounds(fit):
    """The model, and what each job has shuffled, by name."""
    with session(engine=InlineEngine()) as own, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = fit()
        jobs = own.engine.jobs()
    return model, {job.name: job for job in jobs}


def test_edges_of_files_go_to_their_parts_once_and_later_rounds_send_ranks_only(edges_in_text):
    model, jobs = _rounds(lambda: PageRank(tol=0, max_iter=3).fit(edges_in_text))
    sent = {name: job.counters["task", "output_bytes"] for name, job in jobs.items()}
    first = jobs["Ranking placement"].counters["task", "shuffle_bytes"] + sent["Ranking round 1"]
    placement, later = jobs["Ranking placement"], jobs["Ranking round 2"]
    assert (placement.maps, placement.reduces) == (10, 8)
    # What vertices get goes to the driver, from the parts.
    assert later.reduces == 0
    assert ("task", "shuffle_bytes") not in later.counters
    assert sent["Ranking round 3"] == sent["Ranking round 2"] <= first / 10
    # Each vertex once, whatever the splits.
    assert sent["Ranking round 2"] < 8 * len(model.vertices_) + 8 * 500
    assert (later.counters["task", "map_input_records"], later.maps) == (8, 8)


def test_ranks_of_parts_are_the_same_bits_however_many_there_are(edges_in_text, monkeypatch):
    few, _ = _rounds(lambda: PageRank(tol=0, max_iter=3).fit(edges_in_text))
    monkeypatch.setattr("mapred.ml.edgeparts.PART_EDGES", 1000)
    many, jobs = _rounds(lambda: PageRank(tol=0, max_iter=3).fit(edges_in_text))
    assert jobs["Ranking placement"].reduces > 30
    assert few.ranks_.tobytes() == many.ranks_.tobytes()


def test_rounds_of_labels_and_ways_send_what_changed(edges_in_text):
    _, jobs = _rounds(lambda: ConnectedComponents().fit(edges_in_text))
    # Rounds that send little have no reducer.
    labels = [
        job.counters["task", "shuffle_bytes" if job.reduces else "output_bytes"]
        for name, job in jobs.items()
        if "Joining" in name
    ]
    assert len(labels) > 2
    assert max(labels[1:]) <= labels[0] / 10


@GRAPHS
def test_components_are_networkxs(graph):
    graph = touched(graph)
    find = nx.weakly_connected_components if graph.is_directed() else nx.connected_components
    expected = {vertex: min(part) for part in find(graph) for vertex in part}
    ours = ConnectedComponents().fit(edges_of(graph))
    assert dict(zip(ours.vertices_.tolist(), ours.labels_.tolist(), strict=True)) == expected
    assert ours.n_components_ == len(set(expected.values()))


def test_a_long_chain_is_joined_in_few_rounds():
    chain = np.random.default_rng(2).permutation(2000)
    ours = ConnectedComponents().fit(np.column_stack([chain[:-1], chain[1:]]))
    assert ours.n_components_ == 1
    assert ours.n_iter_ < 15


@GRAPHS
@pytest.mark.parametrize("weight", [None, "weight"])
def test_ways_are_as_long_as_networkxs(graph, weight):
    graph = touched(graph)
    source = min(graph)
    theirs = nx.single_source_dijkstra_path_length(graph, source, weight=weight or (lambda *_: 1))
    ours = ShortestPaths(source, directed=graph.is_directed()).fit(edges_of(graph, weight))
    expected = [theirs.get(vertex, np.inf) for vertex in ours.vertices_]
    assert ours.lengths_.tolist() == expected


@GRAPHS
def test_triangles_are_networkxs(graph, monkeypatch):
    monkeypatch.setattr("mapred.ml.vertices._WEDGES_AT_ONCE", 50)
    graph = nx.Graph(touched(graph))
    # Each edge twice, in both directions, and a loop.
    rows = np.concatenate([both_ways(graph)[:, :2], edges_of(graph)[:5, :2], [[100, 100]]])
    theirs = nx.triangles(graph)
    ours = TriangleCount().fit(rows)
    found = dict(zip(ours.vertices_.tolist(), ours.triangles_.tolist(), strict=True))
    assert {vertex: found[vertex] for vertex in theirs} == theirs
    assert ours.transitivity_ == pytest.approx(nx.transitivity(graph))


@pytest.mark.parametrize(
    ("fit", "words"),
    [
        (lambda: PageRank(alpha=1.5).fit([[0, 1]]), "alpha=1.5"),
        (lambda: PageRank().fit([[0, 1, 2, 3]]), "X has 4 columns: from and to"),
        (lambda: PageRank().fit([[0, 1.5]]), "a vertex is called 1.5"),
        (lambda: ShortestPaths(7).fit([[0, 1]]), "no edge has the vertex 7"),
    ],
)
def test_what_is_no_graph_is_refused(fit, words):
    with pytest.raises(ValueError, match=words):
        fit()


def test_negative_lengths_and_a_search_that_is_cut_off_are_told():
    with pytest.raises(Exception, match="an edge has the length -1"):
        ShortestPaths(0).fit([[0, 1, -1]])
    with pytest.warns(ConvergenceWarning, match="reached 3"):
        ShortestPaths(0, max_iter=2).fit([[0, 1], [1, 2], [2, 3], [3, 4]])


def test_rounds_of_ranks_send_each_vertex_about_once_however_many_edges_and_splits():
    random = np.random.default_rng(8)
    vertices, edges = 20_000, 260_000
    table = random.integers(0, vertices, (edges, 2)).astype(float)
    with session(engine=InlineEngine()) as own:
        with pytest.warns(ConvergenceWarning, match="max_iter=3"):
            model = PageRank(tol=0, max_iter=3).fit(table)
        rounds = own.engine.jobs()
    sent = [status.counters["task", "output_bytes"] for status in rounds]
    maps = rounds[0].maps
    assert (model.n_iter_, len(sent)) == (3, 3)
    assert maps > 1
    # Less than a tenth of the edges, once.
    assert max(sent) < 0.1 * table.nbytes
    assert max(sent) < 1.1 * 8 * vertices
