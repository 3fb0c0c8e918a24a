"""Where machines stand: each node's own word, or a script's that knows the whole site.

The script (`--topology-script`, as in HDFS) is called with hosts as arguments and prints one
rack a line, in their order. Its answers are kept for the life of the NameNode. When it fails,
or takes longer than SCRIPT_S, the node's own word counts and the script is asked again at the
node's next registration.
"""

import asyncio
import logging
import os
import signal
from dataclasses import replace
from typing import Final

from blockstore.model import Node
from blockstore.runtime.config import checked_rack

log = logging.getLogger(__name__)

# A registration waits for it; a DataNode's patience with one call is 10 s.
SCRIPT_S: Final = 5.0


class Topology:
    """Racks by host; owned by the event loop."""

    def __init__(self, script: str | None, *, script_s: float = SCRIPT_S) -> None:
        self._script = script
        self._script_s = script_s
        self._racks: dict[str, str] = {}
        # Hosts that registrations wait for: the next call of the script asks for all of them.
        self._wanted: set[str] = set()
        self._one_at_a_time = asyncio.Lock()

    async def placed(self, node: Node) -> Node:
        """The node with its rack.

        Raises:
            ConfigException: the node names a rack that is none.
        """
        checked_rack(node.rack)
        if self._script is None:
            return node
        if node.host not in self._racks:
            self._wanted.add(node.host)
            async with self._one_at_a_time:
                if node.host in self._wanted:
                    await self._ask()
        return replace(node, rack=self._racks.get(node.host, node.rack))

    async def _ask(self) -> None:
        hosts = sorted(self._wanted)
        self._wanted.clear()
        try:
            racks = await self._racks_of(hosts)
        except (OSError, ValueError, TimeoutError) as error:
            log.warning(
                "the topology script %s gave no racks for %s (%s): what the nodes say counts",
                self._script,
                ", ".join(hosts),
                error or type(error).__name__,
            )
            return
        self._racks.update(zip(hosts, racks, strict=True))

    async def _racks_of(self, hosts: list[str]) -> list[str]:
        assert self._script is not None
        process = await asyncio.create_subprocess_exec(
            self._script,
            *hosts,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        try:
            out, err = await asyncio.wait_for(process.communicate(), self._script_s)
        except TimeoutError:
            # With all that it has started: they hold its pipes.
            os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
            raise TimeoutError(f"no answer within {self._script_s:g} s") from None
        if process.returncode:
            words = err.decode(errors="replace").strip()[-200:]
            raise OSError(f"it ended with code {process.returncode}: {words}")
        racks = [checked_rack(line.strip()) for line in out.decode().splitlines() if line.strip()]
        if len(racks) != len(hosts):
            raise ValueError(f"{len(racks)} lines for {len(hosts)} hosts")
        return racks
