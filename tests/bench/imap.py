"""10,000 headers from dovecot: the job `imap` against bare imaplib, in turns.

    python -m tests.bench.imap [COUNT]

Both ask for UID, FLAGS, RFC822.SIZE, INTERNALDATE and ENVELOPE of every message. imaplib gives the
bytes as they came; `imap` gives rows with decoded names and subjects, newest first, in pages.
Goal: level in all, the first row within a tenth of the whole. dovecot thinks before the first FETCH
of a session, whatever it asks for: how long is told by one for a single message, by bare imaplib.
"""

from __future__ import annotations

import imaplib
import statistics
import sys
import tempfile
import time
from pathlib import Path

from tests.mail_ftp.dovecot import Dovecot, dovecot
from workbench.core.endpoint import parse
from workbench.core.job import execute
from workbench.core.scope import Scope
from workbench.mail_ftp.imap.events import ImapMessages, ImapSelected
from workbench.mail_ftp.imap.job import Imap, imap

TURNS = 5
ITEMS = "(UID FLAGS RFC822.SIZE INTERNALDATE ENVELOPE)"


def bare(peer: Dovecot, count: int) -> tuple[float, float]:
    """Seconds of imaplib from its FETCH on, and log-in and all."""
    end = parse(peer.places["imap"])
    began = time.perf_counter()
    with imaplib.IMAP4(end.host, end.require_port()) as box:
        box.login(end.user, end.password)
        box.select("INBOX", readonly=True)
        asked = time.perf_counter()
        found = box.fetch(f"1:{count}", ITEMS)[1]
        fetched = time.perf_counter() - asked
    assert len(found) == count
    return fetched, time.perf_counter() - began


def single(peer: Dovecot, count: int) -> float:
    """Seconds of a session's first FETCH, of one message: what no client is quicker than."""
    end = parse(peer.places["imap"])
    with imaplib.IMAP4(end.host, end.require_port()) as box:
        box.login(end.user, end.password)
        box.select("INBOX", readonly=True)
        asked = time.perf_counter()
        box.fetch(f"{count}", ITEMS)
        return time.perf_counter() - asked


def ours(peer: Dovecot, count: int) -> tuple[float, float, float]:
    """Seconds until the first row and until the last from the first FETCH on, and in all."""
    request = Imap(endpoint=parse(peer.places["imap"] + "/INBOX"), newest=count, starttls="never")
    began = asked = time.perf_counter()
    first, rows = 0.0, 0
    for event in execute(imap, request, Scope(60)):
        if isinstance(event, ImapSelected):
            asked = time.perf_counter()
        elif isinstance(event, ImapMessages):
            first = first or time.perf_counter() - asked
            rows += len(event.rows)
            last = time.perf_counter() - asked
    assert rows == count
    return first, last, time.perf_counter() - began


def main() -> None:
    """Measure and print."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    with tempfile.TemporaryDirectory() as folder, dovecot(Path(folder)) as peer:
        peer.put(
            *(
                b"From: =?utf-8?q?J=C3=BCrgen?= %d <j%d@example.net>\r\nTo: me@example.net\r\n"
                b"Subject: message number %d\r\nMessage-ID: <%d@example.net>\r\n"
                b"Date: Mon, 1 Jan 2024 10:00:00 +0000\r\n\r\nhello\r\n" % ((number,) * 4)
                for number in range(count)
            )
        )
        bare(peer, count)  # dovecot builds its index
        turns = [(bare(peer, count), ours(peer, count), single(peer, count)) for _ in range(TURNS)]
    theirs = [
        statistics.median(values) for values in zip(*(one for one, _, _ in turns), strict=True)
    ]
    mine = [statistics.median(values) for values in zip(*(one for _, one, _ in turns), strict=True)]
    thought = statistics.median(one for _, _, one in turns)
    print(f"{count:,} headers from dovecot, median of {TURNS}, from the first FETCH (and log-in)")
    print(f"  imaplib   {theirs[0]:.3f} s ({theirs[1]:.3f} s), bytes as they came")
    print(f"  imap      {mine[1]:.3f} s ({mine[2]:.3f} s), rows decoded; first {mine[0]:.3f} s")
    print(f"  in all {mine[1] / theirs[0]:.2f} ({mine[2] / theirs[1]:.2f}) times imaplib's time;")
    print(f"  the first row after {mine[0] / mine[1]:.3f} of the whole; {thought:.3f} s of it are")
    rest = max(0.0, mine[0] - thought) / max(0.001, mine[1] - thought)
    print(f"  dovecot's for any one message, and without them it comes after {rest:.3f}")


if __name__ == "__main__":
    main()
