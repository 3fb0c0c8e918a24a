"""The engine's own counters: their group and names, as users meet them.

map_input_records, map_output_records, map_output_bytes, input_bytes
combine_input_records, combine_output_records, spilled_records
shuffle_bytes, reduce_input_groups, reduce_input_records, reduce_output_records
output_bytes
"""

from typing import Final

TASK_GROUP: Final = "task"

# Fewer records don't make anybody wait.
HOT_RECORDS_MIN: Final = 100_000
