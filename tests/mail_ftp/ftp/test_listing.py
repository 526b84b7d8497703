"""Listings as the usual servers write them."""

from __future__ import annotations

import re
from calendar import timegm

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.mail_ftp.ftp.listing import Entry, fit_for_here, mlsd, moment, unix_or_dos

NOW = float(timegm((2026, 11, 23, 12, 0, 0)))


def at(*parts: int) -> float:
    return float(timegm((*parts, 0, 0, 0, 0, 0)[:6]))


@pytest.mark.parametrize(
    ("line", "entry"),
    [
        (  # vsftpd, proftpd, wu-ftpd: ls -l
            "drwxr-xr-x   2 ann  staff   4096 Nov 23 10:51 my name",
            Entry("my name", "folder", 4096, at(2026, 11, 23, 10, 51), 0o755, "ann", "staff"),
        ),
        (  # without a year: the last such day
            "-rw-r--r--    1 0        0              12 Dec 30 10:51 a",
            Entry("a", "file", 12, at(2025, 12, 30, 10, 51), 0o644, "0", "0"),
        ),
        (
            "-rw-r--r-- 1 o g 5 Feb 29 11:22 leap",
            Entry("leap", "file", 5, at(2024, 2, 29, 11, 22), 0o644, "o", "g"),
        ),
        (
            "lrwxrwxrwx 1 root root 7 Jan  1 2020 lib -> usr/lib",
            Entry("lib", "link", 7, at(2020, 1, 1), 0o777, "root", "root", "usr/lib"),
        ),
        (  # a group with a blank in it, as Samba's domains have
            "-rw-r--r-- 1 user Domain Users 12 Jan 1 2020 x",
            Entry("x", "file", 12, at(2020, 1, 1), 0o644, "user", "Domain Users"),
        ),
        (  # no group
            "-rw-r--r-- 1 user 12 Jan 1 2020 x",
            Entry("x", "file", 12, at(2020, 1, 1), 0o644, "user"),
        ),
        (  # with an ACL; setuid, setgid and sticky
            "-rwsr-Sr-T+ 1 o g 5 Jan 1 2020  lead",
            Entry(" lead", "file", 5, at(2020, 1, 1), 0o7744, "o", "g"),
        ),
        (  # a device has two numbers and no size
            "brw-rw---- 1 root disk 8, 1 Jan 1 2020 sda1",
            Entry("sda1", "other", None, at(2020, 1, 1), 0o660, "root", "disk"),
        ),
        (  # ls --time-style=long-iso
            "-rw-rw-r-- 1 o g 5 2024-02-29 11:22 iso",
            Entry("iso", "file", 5, at(2024, 2, 29, 11, 22), 0o664, "o", "g"),
        ),
        (  # the day before the month
            "-rw-rw-r-- 1 o g 5 29 Feb 2024 turned",
            Entry("turned", "file", 5, at(2024, 2, 29), 0o664, "o", "g"),
        ),
        (  # IIS
            "02-11-24  09:51PM       <DIR>          Program Files",
            Entry("Program Files", "folder", None, at(2024, 2, 11, 21, 51)),
        ),
        (
            "11-23-2026  12:05AM                1,234 a b.txt",
            Entry("a b.txt", "file", 1234, at(2026, 11, 23, 0, 5)),
        ),
        ("02-11-98  09:51AM  7 old", Entry("old", "file", 7, at(1998, 2, 11, 9, 51))),
        ("+i8388621.29609,m824255902,/,\tdev", Entry("dev", "folder", None, 824255902.0)),
        (
            "+i8388621.44468,m839956783,r,s10376,up644,\tRFCEPLF",
            Entry("RFCEPLF", "file", 10376, 839956783.0, 0o644),
        ),
        (
            "drwxr-xr-x 2 a b 1 Nov 23 10:51 ..",
            Entry("..", "above", 1, at(2026, 11, 23, 10, 51), 0o755, "a", "b"),
        ),
        ("-rw-r--r-- 1 o g 5 Feb 31 2020 day", Entry("day", "file", 5, None, 0o644, "o", "g")),
        ("what is this?", Entry("what is this?", "unknown")),
    ],
)
def test_a_line_of_list(line: str, entry: Entry) -> None:
    assert unix_or_dos(line, NOW) == entry


@pytest.mark.parametrize("line", ["", "  ", "total 12", "Total 0 "])
def test_what_is_no_entry(line: str) -> None:
    assert unix_or_dos(line, NOW) is None


@pytest.mark.parametrize(
    ("line", "entry"),
    [
        (
            "type=file;size=12;modify=20261123105100.5;UNIX.mode=644;UNIX.owner=ann;perm=r; a b",
            Entry("a b", "file", 12, at(2026, 11, 23, 10, 51) + 0.5, 0o644, "ann", perm="r"),
        ),
        ("Type=OS.unix=slink:/x; l", Entry("l", "link", target="/x")),
        ("type=cdir;sizd=4096; .", Entry(".", "here", 4096)),
        ("type=pdir; ..", Entry("..", "above")),
        ("type=OS.unix=chr-1/3; null", Entry("null", "other")),
        ("type=dir;modify=20261323105100;size=-1; x", Entry("x", "folder")),
        (" only a name", Entry("only a name", "unknown")),
        ("no facts", Entry("no facts", "unknown")),
        ("type=file;", Entry("type=file;", "unknown")),
    ],
)
def test_a_line_of_mlsd(line: str, entry: Entry) -> None:
    assert mlsd(line) == entry


def test_moments() -> None:
    assert moment("20240229112233") == at(2024, 2, 29, 11, 22, 33)
    assert moment("20230229112233") is None
    assert moment("2024022911223") is None


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../x", "a/b", "a\\b", "a\nb", "a\x1b[2J", "a\x7f", "é" * 128]
)
def test_names_that_are_no_names_here(name: str) -> None:
    assert fit_for_here(name)


@pytest.mark.parametrize("name", ["a", "...", "-rf", " x ", "Grüße", "a" * 255, "\udce9"])
def test_names_that_are(name: str) -> None:
    assert fit_for_here(name) == ""


@given(st.text(max_size=200))
def test_any_line_is_an_entry_or_none(line: str) -> None:
    for entry in (unix_or_dos(line, NOW), mlsd(line)):
        assert entry is None or entry.name or not line.strip()


@given(st.from_regex(re.compile(r"[-dl][rwx-]{9}[ a-z0-9:]{0,60}"), fullmatch=True))
def test_nearly_right_lines_too(line: str) -> None:
    entry = unix_or_dos(line, NOW)
    assert entry is not None
    assert entry.name
