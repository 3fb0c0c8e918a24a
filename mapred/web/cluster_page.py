"""The front page: the block store's and the engine's machines, and what is wrong with them."""

from collections.abc import Sequence
from typing import Final

from blockstore.model import ClusterReport, NodeReport
from mapred.model import JobStatus, TrackerStatus
from mapred.web.jobs_page import jobs_table
from mapred.web.layout import bar, notice, page, pill, section, silence, table, tiles
from mapred.web.markup import Child, Html, tag
from mapred.web.quantities import number, size, span
from mapred.web.readings import Reading

JOBS_SHOWN: Final = 5


def cluster_page(
    namenode: str,
    store: Reading[ClusterReport],
    jobtracker: str,
    trackers: Reading[list[TrackerStatus]],
    jobs: Reading[list[JobStatus]],
) -> Html:
    """The page; `namenode` and `jobtracker` are the addresses that were asked."""
    return page(
        "Cluster",
        section(
            "Block store",
            tag("p", f"NameNode {namenode}", class_="address"),
            silence("NameNode", store),
            [] if store.value is None else _store(store.value),
        ),
        section(
            "MapReduce",
            tag("p", f"JobTracker {jobtracker}", class_="address"),
            silence("JobTracker", trackers),
            [] if trackers.value is None else _trackers(trackers.value),
        ),
        [] if jobs.value is None else _newest(jobs.value),
        where="/",
    )


def _store(report: ClusterReport) -> list[Child]:
    live = sum(node.state == "live" for node in report.nodes)
    capacity = sum(node.capacity_bytes for node in report.nodes)
    used = sum(node.used_bytes for node in report.nodes)
    mode = report.safe_mode
    safe_mode = mode.on and notice(
        "warn",
        tag("strong", "Safe mode is on: nothing can be changed. "),
        mode.reason,
        f" {number(mode.blocks_reported)} of {number(mode.blocks_needed)} blocks are reported.",
    )
    return [
        safe_mode,
        tiles(
            [
                ("DataNodes live", f"{live} of {len(report.nodes)}", _bad_if(live == 0)),
                ("Used", f"{size(used)} of {size(capacity)}", ""),
                ("Files", number(report.files), ""),
                ("Blocks", number(report.blocks), ""),
                (
                    "Under-replicated",
                    number(report.under_replicated),
                    "warn" if report.under_replicated else "",
                ),
                ("Corrupt", number(report.corrupt), _bad_if(report.corrupt > 0)),
                ("Missing", number(report.missing), _bad_if(report.missing > 0)),
            ]
        ),
        table(
            ["DataNode", "Address", "Rack", "State", "#Heard", "Used", "#Free", "#Replicas"],
            [_datanode(node) for node in report.nodes],
            empty="No DataNode has registered yet.",
        ),
    ]


def _bad_if(wrong: bool) -> str:
    return "bad" if wrong else ""


def _datanode(report: NodeReport) -> list[Child]:
    used = report.used_bytes / report.capacity_bytes if report.capacity_bytes else 0.0
    broken = [
        tag("div", f"failed volume: {volume}", class_="fault") for volume in report.failed_volumes
    ]
    return [
        [report.node.node_id, broken],
        report.node.address,
        report.node.rack,
        pill(report.state),
        f"{span(report.heard_s_ago)} ago",
        bar(used, "space used", text=size(report.used_bytes)),
        size(report.free_bytes),
        number(report.replicas),
    ]


def _trackers(trackers: Sequence[TrackerStatus]) -> list[Child]:
    live = [tracker for tracker in trackers if tracker.state == "live"]
    maps = sum(tracker.maps_running for tracker in live)
    reduces = sum(tracker.reduces_running for tracker in live)
    map_slots = sum(tracker.info.map_slots for tracker in live)
    reduce_slots = sum(tracker.info.reduce_slots for tracker in live)
    return [
        tiles(
            [
                ("TaskTrackers live", f"{len(live)} of {len(trackers)}", _bad_if(not live)),
                ("Maps running", f"{maps} of {map_slots} slots", ""),
                ("Reduces running", f"{reduces} of {reduce_slots} slots", ""),
            ]
        ),
        table(
            ["TaskTracker", "Address", "State", "#Heard", "Map slots", "Reduce slots"],
            [_tracker(tracker) for tracker in trackers],
            empty="No TaskTracker has registered yet.",
        ),
    ]


def _tracker(tracker: TrackerStatus) -> list[Child]:
    return [
        tracker.info.tracker_id,
        f"{tracker.info.host}:{tracker.info.port}",
        pill(tracker.state),
        f"{span(tracker.heard_s_ago)} ago",
        _slots(tracker.maps_running, tracker.info.map_slots, "map slots in use"),
        _slots(tracker.reduces_running, tracker.info.reduce_slots, "reduce slots in use"),
    ]


def _slots(running: int, slots: int, label: str) -> Html:
    return bar(running / slots if slots else 0.0, label, text=f"{running} of {slots}")


def _newest(jobs: Sequence[JobStatus]) -> Child:
    more = len(jobs) > JOBS_SHOWN and tag(
        "p", tag("a", f"All {number(len(jobs))} jobs", href="/jobs")
    )
    return section("Newest jobs", jobs_table(jobs[:JOBS_SHOWN]), more)
