"""A task process without user code: what it does is said in the job's settings.

mapNNNNNN / reduceNNNNNN / *    how the task of that index behaves: "ok", "fail", "fatal",
                                "die", "hang", "fail-once", "spawn", "slow", "deaf"
"""

import os
import signal
import subprocess
import sys
import time
from multiprocessing.connection import Connection
from pathlib import Path

from mapred.model import FailureKind, TaskKind
from mapred.task.messages import MoreOutputs, RunTask, Stop, TaskDone, TaskFailed, TaskProgress


def run(connection: Connection) -> None:
    while True:
        try:
            message = connection.recv()
        except EOFError:
            os._exit(0)
        if isinstance(message, Stop):
            return
        if isinstance(message, MoreOutputs):
            KNOWN.update(output.map_index for output in message.outputs)
        if isinstance(message, RunTask):
            _redirect(message.log_dir)
            connection.send(_task(connection, message))


# Maps whose outputs it was told of.
KNOWN: set[int] = set()


def _redirect(log_dir: str) -> None:
    for fd, name in ((1, "stdout"), (2, "stderr")):
        file = os.open(f"{log_dir}/{name}", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(file, fd)
        os.close(file)


def _task(connection: Connection, task: RunTask) -> TaskDone | TaskFailed:
    kind = "map" if task.attempt.kind is TaskKind.MAP else "reduce"
    settings = task.spec.settings
    behaviour = settings.get(f"{kind}{task.attempt.index}", settings.get("*", "ok"))
    if behaviour != "spawn":
        connection.send(TaskProgress(0.5, kind, f"pid {os.getpid()}"))
    match behaviour:
        case "fail":
            return TaskFailed(FailureKind.FAILED, f"{kind} {task.attempt.index} is bad", "trace")
        case "fatal":
            return TaskFailed(FailureKind.FATAL, "no such module")
        case "die":
            print("last words", file=sys.stderr, flush=True)
            os.kill(os.getpid(), signal.SIGKILL)
        case "fail-once" if task.attempt.number == 0:
            return TaskFailed(FailureKind.FAILED, "the first try is bad", "trace")
        case "slow":
            time.sleep(1.5)
        case "spawn":
            grandchild = subprocess.Popen(["sleep", "600"])
            connection.send(TaskProgress(0.6, kind, f"pid {grandchild.pid}"))
            time.sleep(600)
        case "hang" | "deaf":
            if behaviour == "deaf":
                signal.signal(signal.SIGTERM, signal.SIG_IGN)
            while True:
                time.sleep(60)
    if kind == "reduce" and not task.knows:
        KNOWN.clear()
    KNOWN.update(output.map_index for output in task.outputs)
    while kind == "reduce" and len(KNOWN) < task.maps:
        more = connection.recv()
        if isinstance(more, MoreOutputs):
            KNOWN.update(output.map_index for output in more.outputs)
    counters = {("tasks", kind): 1, ("pids", str(os.getpid())): 1}
    if kind == "map" and task.spec.reducers:
        path = Path(task.work_dir, "map.data")
        path.write_text(f"map {task.attempt.index}")
        return TaskDone(counters, str(path), path.stat().st_size)
    name = f"part-{kind[0]}-{task.attempt.index:05d}"
    root = Path(task.spec.output_uri.removeprefix("file://"))
    part = root / "_temporary" / str(task.attempt) / name
    part.parent.mkdir(parents=True, exist_ok=True)
    part.write_text(f"{kind} {task.attempt.index}\n")
    return TaskDone(counters, temporary_uri=f"file://{part}", final_name=name)
