"""The engine's own counters: their group and names, as users meet them.

map_input_records, map_output_records, map_output_bytes, input_bytes
combine_input_records, combine_output_records, spilled_records
shuffle_bytes, reduce_input_groups, reduce_input_records, reduce_output_records
output_bytes
"""

from typing import Final

TASK_GROUP: Final = "task"

# A key with fewer records isn't named, however large its share: among so few it may be chance, and
# hardly any reducer takes long over them.
HOT_RECORDS_MIN: Final = 1_000
