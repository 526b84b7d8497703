"""Sets of ports, as people type them."""

from __future__ import annotations

import socket
from collections.abc import Iterable

from workbench.core.failure import JobError
from workbench.core.text import safe

COMMON = (
    *(7, 9, 13, 19, 21, 22, 23, 25, 37, 53, 79, 80, 81, 88, 110, 111, 113, 119, 135, 139, 143),
    *(179, 199, 389, 427, 443, 444, 445, 465, 502, 512, 513, 514, 515, 543, 544, 548, 554, 563),
    *(587, 631, 636, 646, 853, 873, 902, 989, 990, 993, 995, 1025, 1080, 1194, 1352, 1433, 1521),
    *(1720, 1723, 1883, 2000, 2049, 2121, 2181, 2222, 2375, 2376, 2379, 2380, 2525, 3000, 3128),
    *(3260, 3268, 3306, 3389, 3478, 3690, 4000, 4222, 4369, 4443, 4444, 5000, 5060, 5061, 5222),
    *(5269, 5353, 5432, 5555, 5601, 5666, 5671, 5672, 5800, 5900, 5901, 5984, 6000, 6379, 6443),
    *(6667, 6697, 7000, 7001, 7007, 7070, 7443, 7474, 8000, 8001, 8008, 8009, 8025, 8080, 8081),
    *(8086, 8088, 8090, 8096, 8100, 8123, 8181, 8443, 8500, 8600, 8834, 8883, 8888, 9000, 9001),
    *(9042, 9090, 9091, 9092, 9093, 9100, 9200, 9300, 9418, 9443, 9999, 10000, 10050, 10051),
    *(10250, 11211, 11434, 15672, 16443, 25565, 27017, 28017, 32400, 50000, 51413),
)
"""Ports on which something is often found: of mail, web, files, databases, queues, consoles."""

MOST = 65_535


def parse(text: str) -> list[int]:
    """Port numbers, ascending: "22,80,8000-8100,https", "-" for all, "common".

    Raises:
        JobError: something in it is no port.
    """
    found: set[int] = set()
    for part in text.replace(" ", ",").split(","):
        if not part:
            continue
        found.update(_part(part.lower()))
    if not found:
        raise JobError("there is no port in it", advice="as --ports 22,80,8000-8100 or - for all")
    return sorted(found)


def _part(part: str) -> Iterable[int]:
    if part in ("-", "all"):
        return range(1, MOST + 1)
    if part == "common":
        return COMMON
    first, dash, last = part.partition("-")
    if first.isdecimal() or (dash and not first and last.isdecimal()):
        begin = int(first) if first else 1
        end = int(last) if last.isdecimal() else MOST if dash and not last else begin
        if (last and not last.isdecimal()) or not 1 <= begin <= end <= MOST:
            raise JobError(
                f"{safe(part)!r} is no port or range of ports", advice="ports are 1 to 65535"
            )
        return range(begin, end + 1)
    try:
        return (socket.getservbyname(part, "tcp"),)
    except OSError:
        raise JobError(
            f"no TCP service is called {safe(part)!r}",
            advice="workbench services NAME searches; a port can be given as a number",
        ) from None


def written(ports: list[int]) -> str:
    """Ports in the shortest form, as nmap and `parse` read them."""
    parts: list[str] = []
    place = 0
    while place < len(ports):
        end = place
        while end + 1 < len(ports) and ports[end + 1] == ports[end] + 1:
            end += 1
        first, last = ports[place], ports[end]
        parts.append(str(first) if first == last else f"{first}-{last}")
        place = end + 1
    return ",".join(parts)


def service(port: int) -> str:
    """The name of a port in services(5), or ""."""
    try:
        return safe(socket.getservbyport(port, "tcp"))
    except OSError:
        return ""
