"""What a job tells at its end: counters, one line with the time, or one JSON object.

stdout carries data (records, job ids, JSON) and nothing else; everything for people goes
to stderr.
"""

import json
import sys
from itertools import groupby

from mapred.iterative.status import LoopStatus
from mapred.model import HOT_GROUP, Counters, JobStatus

from .failures import shown_uri


def counters_table(counters: Counters) -> str:
    """Groups in alphabetical order, each with its counters."""
    lines = ["Counters"]
    width = max((len(name) for group, name in counters if group != HOT_GROUP), default=0)
    shown = sorted(item for item in counters.items() if item[0][0] != HOT_GROUP)
    for group, items in groupby(shown, key=lambda item: item[0][0]):
        lines.append(f"  {group}")
        lines += [f"    {name:<{width}}  {value:>15,}" for (_, name), value in items]
    return "\n".join(lines)


def skipped_line(status: JobStatus) -> str:
    """How many records were set aside, and where they are; "" for none."""
    skipped = sum(value for (group, _), value in status.counters.items() if group == "skipped")
    if not skipped:
        return ""
    where = f"{shown_uri(status.output_uri)}/_skipped"
    return f"{plural(skipped, 'record')} skipped: see {where}"


def hot_keys_lines(status: JobStatus) -> list[str]:
    """Of every key with more than twice a reducer's fair share (one and a half times, where they
    are two), what part of the records it is."""
    records = status.counters.get(("task", "reduce_input_records"), 0)
    hot = {name: value for (group, name), value in status.counters.items() if group == HOT_GROUP}
    return [
        f"hot key: {key} has {value:,} of {records:,} records, all of them in one of "
        f"{status.reduces} reduces. A combiner makes them fewer; or make it several keys"
        for key, value in sorted(hot.items(), key=lambda item: -item[1])
        if 2 * value * status.reduces > min(4, status.reduces + 1) * records
    ]


def final_line(status: JobStatus, *, took_s: float, to_stdout: bool) -> str:
    """`job_… (WordCount) succeeded in 12.3 s: 8 maps, 2 reduces; output in /counts`."""
    tasks = plural(status.maps, "map") + ", " + plural(status.reduces, "reduce")
    if isinstance(status, LoopStatus):
        arrived = "converged" if status.converged else "not converged"
        tasks = f"{plural(status.rounds_done, 'round')} of {tasks}; {arrived}: {status.reason}"
    where = "" if to_stdout else f"; output in {shown_uri(status.output_uri)}"
    return f"{status.job_id} ({status.name}) succeeded in {took_s:.1f} s: {tasks}{where}"


def plural(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def status_json(status: JobStatus) -> str:
    """Everything of a status as one JSON object; counters as {group: {name: value}}."""
    return json.dumps(status_object(status), ensure_ascii=False)


def status_object(status: JobStatus) -> dict[str, object]:
    groups: dict[str, dict[str, int]] = {}
    for (group, name), value in sorted(status.counters.items()):
        groups.setdefault(group, {})[name] = value
    return {
        "job_id": status.job_id,
        "name": status.name,
        "user": status.user,
        "state": status.state.value,
        "map_progress": status.map_progress,
        "reduce_progress": status.reduce_progress,
        "maps": status.maps,
        "maps_done": status.maps_done,
        "reduces": status.reduces,
        "reduces_done": status.reduces_done,
        "submitted_at_s": status.submitted_at_s,
        "finished_at_s": status.finished_at_s,
        "output": status.output_uri,
        "output_files": list(status.output_files),
        "attempts_failed": status.attempts_failed,
        "attempts_killed": status.attempts_killed,
        "waiting_for": status.waiting_for,
        "notification": status.notification,
        "failures": [
            {
                "kind": failure.kind.value,
                "reason": failure.reason,
                "traceback": failure.traceback,
                "input": failure.input_uri,
                "offset": failure.offset,
                "sample": failure.sample,
                "host": failure.host,
                "story": list(failure.story),
            }
            for failure in status.failures
        ],
        "counters": groups,
        **_loop_object(status),
    }


def _loop_object(status: JobStatus) -> dict[str, object]:
    """What only loops have."""
    if not isinstance(status, LoopStatus):
        return {}
    return {
        "rounds": status.rounds_done,
        "metrics": dict(status.metrics),
        "reason": status.reason,
        "converged": status.converged,
    }


def tell(text: str) -> None:
    """For people: stderr, at once."""
    print(text, file=sys.stderr, flush=True)
