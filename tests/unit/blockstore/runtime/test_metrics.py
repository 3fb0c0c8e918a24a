"""The registry's text, read back by Prometheus' own parser."""

import pytest
from prometheus_client.parser import text_string_to_metric_families

from blockstore.runtime.metrics import Family, Metrics, single


def parsed(metrics: Metrics) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(metrics.text().decode())
        for sample in family.samples
        if not sample.name.endswith("_created")
    }


def test_counters_and_gauges_are_told_with_their_labels():
    metrics = Metrics()
    metrics.counter("blockstore_reads_total", "Reads.", ["result"]).labels("ok").inc(3)
    metrics.gauge("blockstore_streams", "Open streams.").set(2)
    assert parsed(metrics) == {
        ("blockstore_reads_total", (("result", "ok"),)): 3.0,
        ("blockstore_streams", ()): 2.0,
    }


def test_watched_families_are_asked_anew_at_each_scrape():
    nodes = {"dn1": 10.0, "dn2": 20.0}
    metrics = Metrics()
    metrics.watch(
        lambda: [
            single("blockstore_up", "Answers.", 1),
            Family("dn_bytes", "Used.", ("node",), tuple(((n,), v) for n, v in nodes.items())),
        ]
    )
    assert parsed(metrics)["dn_bytes", (("node", "dn1"),)] == 10.0
    del nodes["dn1"]
    assert parsed(metrics) == {
        ("blockstore_up", ()): 1.0,
        ("dn_bytes", (("node", "dn2"),)): 20.0,
    }


def test_label_values_can_hold_anything():
    metrics = Metrics()
    name = 'a"b\\c\nd'
    metrics.watch(lambda: [Family("g", "G.", ("node",), (((name,), 1.0),))])
    assert parsed(metrics) == {("g", (("node", name),)): 1.0}


def test_durations_end_in_seconds():
    metrics = Metrics()
    with pytest.raises(ValueError, match="_seconds"):
        metrics.duration("rpc_time", "Calls.")
    metrics.duration("rpc_seconds", "Calls.").observe(0.02)
    found = parsed(metrics)
    assert found["rpc_seconds_bucket", (("le", "0.01"),)] == 0.0
    assert found["rpc_seconds_bucket", (("le", "0.03"),)] == 1.0


def test_a_name_can_be_taken_once():
    metrics = Metrics()
    metrics.gauge("x", "X.")
    with pytest.raises(ValueError, match="Duplicated"):
        metrics.gauge("x", "X.")
