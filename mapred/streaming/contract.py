"""What travels with a streaming job, as JSON in its settings."""

import json
from dataclasses import asdict, dataclass, field
from typing import Final

from mapred.model import JobSpec
from mapred.streaming.properties import Properties

# In JobSpec.settings.
SETTING: Final = "streaming"
# In the job's code archive: what programs find in their folder. Apart, so that a script called
# json.py hides nothing from the engine.
FILES_FOLDER: Final = "files"


@dataclass(frozen=True, slots=True)
class Contract:
    """Programs and how they are spoken to. An empty mapper or reducer passes records on."""

    mapper: str = ""
    combiner: str = ""
    reducer: str = ""
    # "text", "keyvalue" or "nline".
    input: str = "text"
    # Whether mappers read keys, such as a line's offset, before the values.
    with_key: bool = False
    # As -D said it.
    properties: dict[str, str] = field(default_factory=dict)
    # Further variables, by -cmdenv.
    environment: dict[str, str] = field(default_factory=dict)
    # Names in the folder that programs run in.
    files: tuple[str, ...] = ()
    # -k options; empty: keys are in order of their bytes.
    comparator: str = ""

    def to_json(self) -> str:
        return json.dumps(asdict(self), sort_keys=True)


@dataclass(frozen=True, slots=True)
class Fields:
    """How a line is cut: the key is what comes before the `keys`-th separator."""

    separator: bytes
    keys: int = 1


def contract_of(spec: JobSpec) -> Contract:
    """Of a streaming job."""
    found = json.loads(spec.settings[SETTING])
    return Contract(**{**found, "files": tuple(found["files"])})


def map_output(properties: Properties) -> Fields:
    return _fields(properties, "map")


def reduce_output(properties: Properties) -> Fields:
    return _fields(properties, "reduce")


def _fields(properties: Properties, side: str) -> Fields:
    return Fields(
        properties.separator(f"stream.{side}.output.field.separator").encode(),
        properties.number(f"stream.num.{side}.output.key.fields", 1),
    )


def input_separator(properties: Properties, side: str) -> bytes:
    """What stands between key and value in what a mapper or reducer reads."""
    return properties.separator(f"stream.{side}.input.field.separator").encode()
