"""What a process and its children take of the machine, from proc(5)."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")
PSS_MOST = 100
"""Processes whose share of memory is asked for by itself; of more the average is taken."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Bytes of memory (each page shared out among those who have it), threads, processes, CPU.

    `cpu` is in seconds, of the processes that are there and of children that were waited for.
    """

    memory: int
    threads: int
    processes: int
    cpu: float


def cost_of(pid: int) -> Cost:
    """What it takes now, with all of its children; nothing of those that end meanwhile."""
    family = _family(pid)
    threads, cpu, memory, asked = 0, 0.0, 0, 0
    for number, one in enumerate(family):
        try:
            fields = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        # proc(5): utime, stime, cutime, cstime are fields 14 to 17, num_threads is 20.
        cpu += sum(map(int, fields[11:15])) / _TICKS
        threads += int(fields[17])
        if number < PSS_MOST:
            memory += _memory(one)
            asked += 1
    if asked and len(family) > asked:
        memory = memory * len(family) // asked
    return Cost(memory, threads, len(family), cpu)


def _family(pid: int) -> list[int]:
    found = [pid]
    for one in found:
        try:
            tasks = list(Path(f"/proc/{one}/task").iterdir())
        except OSError:
            continue
        for task in tasks:
            try:
                found += map(int, (task / "children").read_text().split())
            except OSError:
                continue
    return found


def _memory(pid: int) -> int:
    """Bytes: its proportional share (Pss), or what is resident where that may not be asked."""
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE
    except OSError:
        return 0
