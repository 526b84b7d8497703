"""The facts about an address as labelled lines, for the command line and the screen."""

from __future__ import annotations

import platform
from collections.abc import Iterator

from workbench.addresses.describe import REVERSE_ZONES_SHOWN, Described, MacDescribed
from workbench.addresses.special import UPDATED, Special

LABEL = 13

_FLAGS = (
    ("source", "source"),
    ("destination", "destination"),
    ("forwardable", "forwardable"),
    ("globally_reachable", "globally reachable"),
    ("reserved_by_protocol", "reserved by protocol"),
)


def lines(one: Described) -> list[str]:
    """A label and a value a line."""
    return [f"{label:<{LABEL}}{value}" for label, value in rows(one)]


def mac_lines(one: MacDescribed) -> list[str]:
    """A label and a value a line."""
    return [f"{label:<{LABEL}}{value}" for label, value in mac_rows(one)]


def rows(one: Described) -> Iterator[tuple[str, str]]:
    """Every fact as a label and a value; a label is empty where it is the one above."""
    single = one.first == one.last
    yield "read as", f"{one.read_as}: {one.address or one.block}{one.zone and '%' + one.zone}"
    for warning in one.warnings:
        yield "", f"! {warning}"
    yield "kind", one.kind
    if not single:
        yield from _block_rows(one)
    if one.family == 6:
        yield "exploded", one.exploded
    yield "integer", one.integer
    yield "hex", one.hex
    yield from _bits(one)
    if one.address:
        yield "reverse", one.reverse
    if one.reverse_zones:
        shown = one.reverse_zones[:REVERSE_ZONES_SHOWN]
        yield "reverse zone", ", ".join(shown + ("…",) * (len(one.reverse_zones) > len(shown)))
    for carried in one.carried:
        yield "carries", f"{carried.name}: {carried.value}  ({carried.rfc})"
    for place, row in enumerate(one.special):
        yield "registry" if place == 0 else "", f"{row.block}  {row.name}  ({row.rfc})"
        yield "", _dates(row)
        yield from (("", line) for line in flags(row))
        if row.note:
            yield "", row.note
    for place, row in enumerate(one.inside):
        yield "inside it" if place == 0 else "", f"{row.block}  {row.name}  ({row.rfc})"
    here = f"ipaddress of Python {platform.python_version()}"
    differing = [verdict for verdict in one.verdicts if verdict.differs]
    for place, verdict in enumerate(differing):
        ours, theirs = _yes(verdict.registry), _yes(verdict.python)
        yield (
            "! differs" if place == 0 else "",
            f"{verdict.name} is {theirs}; by the registries {ours}: {verdict.why}",
        )
    yield (
        "",
        f"{here}, registries of {UPDATED}"
        if differing
        else (f"{here} agrees with the registries of {UPDATED}"),
    )


def _block_rows(one: Described) -> Iterator[tuple[str, str]]:
    yield "block" if one.prefix is not None else "range", one.block
    yield "first", one.first
    yield "last", one.last
    yield "addresses", _count(one.count)
    yield "for hosts", f"{_count(one.hosts)}: {one.first_host} to {one.last_host}"
    if one.netmask:
        yield "netmask", one.netmask
        yield "wildcard", one.wildcard
    if one.broadcast:
        yield "broadcast", one.broadcast
    if one.prefix is not None:
        yield "prefix", f"/{one.prefix}"


def mac_rows(one: MacDescribed) -> Iterator[tuple[str, str]]:
    """As `rows`, of a MAC address."""
    yield "read as", f"MAC address: {one.mac}"
    for warning in one.warnings:
        yield "", f"! {warning}"
    if one.known:
        yield "known as", one.known
    yield "addressed", "a group of stations" if one.group else "one station"
    yield "given by", "an administrator, or at random" if one.local else "the vendor (OUI)"
    yield "OUI", one.mac[:8]
    if not one.group:
        yield "link-local", f"{one.link_local}  (modified EUI-64, RFC 4291)"


def flags(row: Special) -> tuple[str, str]:
    """The flags of a registry's row, each with its mark, on two lines."""
    marked = [f"{_mark(getattr(row, name))} {words}" for name, words in _FLAGS]
    return "  ".join(marked[:3]), "  ".join(marked[3:])


def marked_bits(one: Described) -> tuple[str, str]:
    """The bits of the network and those of the host."""
    if one.prefix is None:
        return one.bits, ""
    size = 8 if one.family == 4 else 16
    place = one.prefix + max(0, one.prefix - 1) // size
    return one.bits[:place], one.bits[place:]


def _bits(one: Described) -> Iterator[tuple[str, str]]:
    network, host = marked_bits(one)
    whole = f"{network}|{host.lstrip('.:')}" if host else network
    if one.family == 4:
        yield "bits", whole
        return
    rest = whole
    for place in range(4):
        # Two groups a row; the mark is one more where it does not stand for a colon.
        size = 34 + ("|" in rest[:34] and rest.index("|") % 17 != 16)
        yield "bits" if place == 0 else "", rest[:size]
        rest = rest[size:]


def _dates(row: Special) -> str:
    ended = f", ended {row.terminated}" if row.terminated else ", valid"
    return f"given {row.allocated}{ended}"


def _mark(flag: bool | None) -> str:
    return "?" if flag is None else "+" if flag else "-"


def _yes(flag: bool | None) -> str:
    return "it depends" if flag is None else str(flag)


def _count(text: str) -> str:
    if not (text.isascii() and text.isdecimal()):
        return text
    number = int(text)
    if number < 1 << 32:
        return f"{number:,}"
    power = number.bit_length() - 1
    if number == 1 << power:
        return f"2^{power}"
    if number + 1 == 1 << (power + 1):
        return f"2^{power + 1} - 1"
    return f"{number:,}"
