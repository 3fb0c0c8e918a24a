"""What /metrics tells: the masters' reports as gauges.

A master that doesn't answer is `…_up 0`, and its other figures are left out: an old figure
that looks fresh is worse than none.
"""

from collections import Counter
from collections.abc import Iterator, Sequence

from blockstore.model import ClusterReport
from blockstore.runtime.metrics import Family, single
from mapred.model import JobStatus, TrackerStatus

_STATES = ("live", "stale", "dead")


def store_families(report: ClusterReport | None) -> Iterator[Family]:
    yield single("blockstore_up", "Whether the NameNode answers.", report is not None)
    if report is None:
        return
    for name, help_text, value in (
        ("files", "Files in the namespace.", report.files),
        ("directories", "Directories in the namespace.", report.directories),
        ("blocks", "Blocks of all files.", report.blocks),
        ("blocks_under_replicated", "Blocks with too few replicas.", report.under_replicated),
        ("blocks_corrupt", "Blocks with a corrupt replica.", report.corrupt),
        ("blocks_missing", "Blocks without a replica that can be read.", report.missing),
        ("safe_mode", "Whether changes are refused.", report.safe_mode.on),
    ):
        yield single(f"blockstore_{name}", help_text, value)
    states = Counter(node.state for node in report.nodes)
    yield _by_state("blockstore_datanodes", "DataNodes by state.", states)
    for name, help_text in (
        ("capacity_bytes", "Size of the volumes."),
        ("used_bytes", "Taken by blocks."),
        ("free_bytes", "Free for blocks."),
        ("replicas", "Replicas held."),
    ):
        yield Family(
            f"blockstore_datanode_{name}",
            help_text,
            ("datanode",),
            tuple(((each.node.node_id,), getattr(each, name)) for each in report.nodes),
        )


def engine_families(
    trackers: Sequence[TrackerStatus] | None, jobs: Sequence[JobStatus] | None
) -> Iterator[Family]:
    yield single("mapred_up", "Whether the JobTracker answers.", trackers is not None)
    if trackers is not None:
        states = Counter(tracker.state for tracker in trackers)
        yield _by_state("mapred_tasktrackers", "TaskTrackers by state.", states)
        live = [tracker for tracker in trackers if tracker.state == "live"]
        yield _by_kind(
            "mapred_slots",
            "Slots of live TaskTrackers.",
            sum(tracker.info.map_slots for tracker in live),
            sum(tracker.info.reduce_slots for tracker in live),
        )
        yield _by_kind(
            "mapred_tasks_running",
            "Attempts running on live TaskTrackers.",
            sum(tracker.maps_running for tracker in live),
            sum(tracker.reduces_running for tracker in live),
        )
    if jobs is not None:
        counts = Counter(job.state.value for job in jobs)
        yield Family(
            "mapred_jobs",
            "Jobs that the JobTracker knows, by state.",
            ("state",),
            tuple(((state,), counts[state]) for state in sorted(counts)),
        )


def _by_state(name: str, help_text: str, counts: Counter[str]) -> Family:
    states = [*_STATES, *sorted(set(counts) - set(_STATES))]
    return Family(name, help_text, ("state",), tuple(((s,), counts[s]) for s in states))


def _by_kind(name: str, help_text: str, maps: int, reduces: int) -> Family:
    return Family(name, help_text, ("kind",), ((("map",), maps), (("reduce",), reduces)))
