"""What a job's class says that the engine is to know: becomes JobSpec.settings."""

import json
from collections.abc import Mapping
from typing import Any, Final

from mapred.errors import JobDefinitionError, ParamError
from mapred.formats import check_output
from mapred.job import Job
from mapred.model import LAZY_OUTPUT, OUTPUT_PREFIX, SKIPPING
from mapred.notification import NOTIFICATION, notification_setting
from mapred.requirements import REQUIREMENTS, check_requirements

_WISHES: Final = ("fail", "skip")


def task_settings(job: type[Job], settings: Mapping[str, Any]) -> dict[str, str]:
    """`settings`: the job's, with what `-D job.<name>=…` has changed.

    Raises:
        RefusedError: a format or a word that there isn't.
    """
    found = dict(job.settings)
    if settings["lazy_output"]:
        found[LAZY_OUTPUT] = "true"
    for name, form in job.outputs.items():
        if not name.isidentifier() or name == "part":
            raise JobDefinitionError(
                f"{job.__name__}.outputs: '{name}' can't be the beginning of a file's name. "
                "Take a word other than part"
            )
        found[OUTPUT_PREFIX + name] = check_output(form)
    if requirements := check_requirements(job.requirements):
        found[REQUIREMENTS] = requirements
    if skipping := _skipping(settings):
        found[SKIPPING] = skipping
    if notification := notification_setting(settings):
        found[NOTIFICATION] = notification
    return found


def _skipping(settings: Mapping[str, Any]) -> str:
    for name in ("on_bad_record", "on_error"):
        if settings[name] not in _WISHES:
            raise ParamError(f"job.{name} can be 'fail' or 'skip', not '{settings[name]}'")
    bad, errors = settings["on_bad_record"] == "skip", settings["on_error"] == "skip"
    if not (bad or errors):
        return ""
    return json.dumps(
        {
            "bad": bad,
            "errors": errors,
            "max": settings["skipped_max"],
            "share": settings["skipped_share"],
        }
    )
