"""Listings as a server writes them: MLSD's facts, LIST as ls -l, NLST's names (RFC 959, 3659)."""

from __future__ import annotations

import stat
import time

from workbench.mail_ftp.ftp.tree import Item

HALF_A_YEAR = 15_811_200
"""Seconds after which ls shows the year in place of the time of day."""

_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]


def moment(seconds: float) -> str:
    """RFC 3659, 2.3: YYYYMMDDHHMMSS in UTC."""
    return time.strftime("%Y%m%d%H%M%S", time.gmtime(max(0.0, seconds)))


def facts(item: Item, *, writable: bool, kind: str = "") -> bytes:
    """A line of MLSD without its ending."""
    status = item.status
    every, own = ("el", "cmpdf") if item.is_folder else ("r", "wadf")
    perm = every + own * writable
    words = [f"type={kind or _kind(status.st_mode)}"]
    if stat.S_ISREG(status.st_mode):
        words.append(f"size={status.st_size}")
    words += [
        f"modify={moment(status.st_mtime)}",
        f"perm={perm}",
        f"unique={status.st_dev:x}g{status.st_ino:x}",
        f"UNIX.mode={stat.S_IMODE(status.st_mode):04o}",
    ]
    return f"{';'.join(words)}; ".encode() + one_line(item.name)


def _kind(mode: int) -> str:
    """RFC 3659, 7.5.1; what it has no word for is the system's own."""
    if stat.S_ISDIR(mode):
        return "dir"
    if stat.S_ISREG(mode):
        return "file"
    return "OS.unix=slink" if stat.S_ISLNK(mode) else "OS.unix=other"


def long(item: Item, now: float) -> bytes:
    """A line of ls -l without its ending."""
    status = item.status
    at = time.gmtime(max(0.0, status.st_mtime))
    day = f"{_MONTHS[at.tm_mon - 1]} {at.tm_mday:2}"
    recent = now - HALF_A_YEAR < status.st_mtime <= now + 86_400
    when = f"{at.tm_hour:02}:{at.tm_min:02}" if recent else f"{at.tm_year:5}"
    head = (
        f"{stat.filemode(status.st_mode)} {status.st_nlink:3} {status.st_uid:<8} "
        f"{status.st_gid:<8} {status.st_size:12} {day} {when} "
    )
    return head.encode() + one_line(item.name)


def one_line(name: bytes) -> bytes:
    """A name that cannot end the line it stands on; the same length, so that nothing moves."""
    return name.translate(_NO_BREAKS)


_NO_BREAKS = bytes.maketrans(b"\r\n\0", b"???")
