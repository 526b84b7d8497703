"""1 GB down and up by FTP and FTPS: the job `ftp` beside curl and lftp, in turns, as ratios.

    python -m tests.bench.ftp [--bytes 1000000000] [--rounds 3] [--folder /dev/shm]

Each transfer is a process of its own and counts from its start to its end: ours starts an
interpreter, logs in, takes the file as NAME.part, looks at its size and gives it its name. What
the same costs for a file of one byte is told beside it, and the ratio without it. The other end is
vsftpd, and `serve ftp`; files lie in memory where there is /dev/shm, so that no disk is measured.
The rounds go through all in turn, and the median counts. Exit status 1 when ours is below 0.9 of
the better of the two at vsftpd (level, but for the noise).
"""

from __future__ import annotations

import argparse
import itertools
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.http.client.certificates import Certificates, make
from tests.mail_ftp.ftp.peers import ours, vsftpd

PATIENCE = 600.0
PROGRAMS = ("workbench", "curl", "lftp")
LEVEL = 0.9


@dataclass(frozen=True, slots=True)
class Place:
    """A server's folder, as its clients and as we see it; TLS is asked for where it is secure."""

    name: str
    url: str
    folder: Path
    secure: bool


def command(program: str, place: Place, down: bool, remote: str, local: Path) -> list[str]:
    """The words that move one file."""
    url = f"{place.url}/{remote}"
    if program == "workbench":
        words = [sys.executable, "-m", "workbench", "ftp", url, "--quiet"]
        words += ["--starttls", "require", "--insecure"] if place.secure else ["--starttls=never"]
        return [*words, *(("--output", str(local)) if down else ("--put", str(local)))]
    if program == "curl":
        words = ["curl", "-sS", *(["--ssl-reqd", "-k"] if place.secure else [])]
        return [*words, "-o" if down else "-T", str(local), url]
    lines = f"set ftp:ssl-allow {'yes' if place.secure else 'no'}; set ssl:verify-certificate no"
    lines += (
        "; set ftp:ssl-allow-anonymous yes; set ftp:ssl-protect-data yes" if place.secure else ""
    )
    server, _, folder = place.url.removeprefix("ftp://").partition("/")
    lines += f"; open ftp://{server}; "
    path = f"{folder}/{remote}" if folder else remote
    lines += f"get {path} -o {local}" if down else f"put {local} -o {path}"
    return ["lftp", "-c", lines]


def moved(program: str, place: Place, down: bool, size: int, work: Path) -> float:
    """Seconds of one transfer, from the start of the process to its end."""
    remote = f"{size}" if down else "up"
    local = work / ("down" if down else f"{size}")
    target = local if down else place.folder / remote
    target.unlink(missing_ok=True)
    words = command(program, place, down, remote, local)
    began = time.monotonic()
    with subprocess.Popen(words, stdout=subprocess.DEVNULL) as child:
        late = threading.Timer(PATIENCE, child.kill)  # a wait with a time-out would sleep and look
        late.start()
        code = child.wait()
        seconds = time.monotonic() - began
        late.cancel()
    assert code == 0, f"{words}: {code}"
    assert target.stat().st_size == size, f"{words}: {target.stat().st_size} of {size} bytes"
    target.unlink()
    return seconds


@contextmanager
def places(work: Path, made: Certificates, size: int) -> Iterator[list[Place]]:
    """vsftpd and our server, each in the clear and with TLS."""
    piece = os.urandom(1 << 20)
    for count in (1, size):
        with (work / f"{count}").open("wb") as file:
            for _ in range(count >> 20):
                file.write(piece)
            file.write(piece[: count & ((1 << 20) - 1)])
    for name in ("plain", "secure"):
        (work / name / "pub").mkdir(parents=True)
        (work / f"{name}-chroot").mkdir()
        for count in (1, size):
            os.link(work / f"{count}", work / name / "pub" / f"{count}")
    plain, secure = work / "plain", work / "secure"
    tls: dict[str, Any] = {"cert": made.server, "key": made.server_key, "starttls": "require"}
    with (
        vsftpd(plain, work / "plain-chroot") as first,
        vsftpd(secure, work / "secure-chroot", made) as second,
        ours(plain / "pub", write=True) as third,
        ours(secure / "pub", write=True, **tls) as fourth,
    ):
        yield [
            Place("vsftpd", f"ftp://127.0.0.1:{first.port}/pub", plain / "pub", False),
            Place("vsftpd, TLS", f"ftp://127.0.0.1:{second.port}/pub", secure / "pub", True),
            Place("serve ftp", f"ftp://127.0.0.1:{third.endpoint.port}", plain / "pub", False),
            Place(
                "serve ftp, TLS", f"ftp://127.0.0.1:{fourth.endpoint.port}", secure / "pub", True
            ),
        ]


def main() -> int:
    """Measure and compare."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--bytes", type=int, default=1_000_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    memory = Path("/dev/shm")
    parser.add_argument("--folder", type=Path, default=memory if memory.is_dir() else None)
    asked = parser.parse_args()
    size: int = asked.bytes
    behind = False
    with tempfile.TemporaryDirectory(dir=asked.folder) as name:
        work = Path(name)
        work.chmod(0o755)
        with places(work, make(work), size) as found:
            for place, down in itertools.product(found, (True, False)):
                whole: dict[str, list[float]] = {one: [] for one in PROGRAMS}
                small: dict[str, list[float]] = {one: [] for one in PROGRAMS}
                for _ in range(asked.rounds):
                    for one in PROGRAMS:
                        small[one].append(moved(one, place, down, 1, work))
                        whole[one].append(moved(one, place, down, size, work))
                middle = {one: statistics.median(taken) for one, taken in whole.items()}
                base = {one: statistics.median(taken) for one, taken in small.items()}
                print(f"{place.name}, {'down' if down else 'up'}", flush=True)
                for one in PROGRAMS:
                    ratio = middle[one] / middle["workbench"]
                    alone = (middle[one] - base[one]) / (middle["workbench"] - base["workbench"])
                    print(
                        f"  {one:<10} {middle[one]:6.2f} s {size / middle[one] / 1e6:7.0f} MB/s,"
                        f" of it {base[one]:.2f} s for one byte; ours to it {ratio:.2f},"
                        f" without that {alone:.2f}",
                        flush=True,
                    )
                best = min(middle[one] for one in PROGRAMS[1:])
                behind |= place.name.startswith("vsftpd") and best / middle["workbench"] < LEVEL
    return int(behind)


if __name__ == "__main__":
    sys.exit(main())
