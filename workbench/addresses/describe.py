"""All there is to say about an address or a block, and where Python's own verdict differs."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from workbench.addresses import embedded, mac
from workbench.addresses.reading import Reading
from workbench.addresses.span import (
    Span,
    bits,
    exploded,
    mask,
    reverse_name,
    reverse_zones,
    text,
)
from workbench.addresses.special import Special, holding, within
from workbench.core.message import Event, event

REVERSE_ZONES_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Verdict:
    """One property, by the registries and RFCs, and as this Python's ipaddress has it.

    None stands for "it depends", or for what `ipaddress` cannot judge.
    """

    name: str
    registry: bool | None
    python: bool | None
    why: str

    @property
    def differs(self) -> bool:
        """The two disagree."""
        return None not in (self.registry, self.python) and self.registry != self.python


@event("address")
class Described(Event):
    """What an address or block is; texts are in the forms of RFC 5952 and dotted quads.

    Attributes:
        read_as: the form that was typed (an address, an interface, a short form, …).
        address: the one address that is meant, "" where a whole block or range is.
        block: in CIDR notation where it is one, else first-last.
        count: addresses in it; a string, since it may have 129 bits.
        hosts: addresses that a host may have (RFC 950, RFC 3021, RFC 4291, RFC 6164).
        first_host, last_host: the ends of those.
        broadcast, netmask, wildcard: of an IPv4 block.
        integer, hex, bits, exploded, reverse: of the address, or of the first one.
        prefix: the length, None of a range that is no block.
        special: the registry's blocks that hold all of it, the smallest first.
        inside: the registry's blocks that lie in it.
        carried: what is embedded in the address.
        verdicts: what the registries say of it and what `ipaddress` says.
        warnings: what other programs may read.
    """

    read_as: str
    family: int
    block: str
    address: str
    zone: str
    prefix: int | None
    first: str
    last: str
    count: str
    hosts: str
    first_host: str
    last_host: str
    broadcast: str
    netmask: str
    wildcard: str
    exploded: str
    integer: str
    hex: str
    bits: str
    reverse: str
    reverse_zones: tuple[str, ...]
    kind: str
    special: tuple[Special, ...]
    inside: tuple[Special, ...]
    carried: tuple[embedded.Embedded, ...]
    verdicts: tuple[Verdict, ...]
    warnings: tuple[str, ...]

    def line(self) -> str:
        """Several lines: a label and a value each."""
        from workbench.addresses.words import lines

        return "\n".join(lines(self))


@event("mac")
class MacDescribed(Event):
    """What a MAC address is, and the IPv6 interface identifier made from it."""

    mac: str
    group: bool
    local: bool
    known: str
    link_local: str
    warnings: tuple[str, ...]

    def line(self) -> str:
        """Several lines: a label and a value each."""
        from workbench.addresses.words import mac_lines

        return "\n".join(mac_lines(self))


def describe(reading: Reading, nat64: tuple[int, int] | None = None) -> Described:
    """All there is to say; the reading must have a span."""
    span = reading.span
    assert span is not None
    family, width = span.family, span.width
    value = span.first if span.address is None else span.address
    first_host, last_host = usable(span)
    blocks = holding(family, span.first, span.last)
    one = span.first == span.last
    prefix = span.prefix
    v4_block = family == 4 and prefix is not None
    carried = embedded.found(family, value, nat64) if span.address is not None or one else []
    return Described(
        read_as=reading.kind,
        family=family,
        block=str(Span(family, span.first, span.last, prefix)),
        address="" if span.address is None else text(family, span.address),
        zone=span.zone,
        prefix=prefix,
        first=text(family, span.first),
        last=text(family, span.last),
        count=str(span.count),
        hosts=str(last_host - first_host + 1),
        first_host=text(family, first_host),
        last_host=text(family, last_host),
        broadcast=text(4, span.last) if v4_block and prefix is not None and prefix < 31 else "",
        netmask=text(4, mask(4, prefix)) if v4_block and prefix is not None else "",
        wildcard=text(4, mask(4, prefix) ^ 0xFFFFFFFF) if v4_block and prefix is not None else "",
        exploded=exploded(family, value),
        integer=str(value),
        hex=f"0x{value:0{width // 4}x}",
        bits=bits(family, value),
        reverse=reverse_name(family, value),
        reverse_zones=() if one else reverse_zones(span)[: REVERSE_ZONES_SHOWN + 1],
        kind=_kind(span, blocks),
        special=tuple(blocks),
        inside=tuple(within(family, span.first, span.last)),
        carried=tuple(carried),
        verdicts=verdicts(span),
        warnings=reading.warnings,
    )


def describe_mac(reading: Reading) -> MacDescribed:
    """All there is to say about a MAC address."""
    value = reading.mac
    return MacDescribed(
        mac=mac.text(value),
        group=mac.is_group(value),
        local=mac.is_local(value),
        known=mac.known(value),
        link_local=text(6, 0xFE80 << 112 | mac.interface_id(value)),
        warnings=reading.warnings,
    )


def usable(span: Span) -> tuple[int, int]:
    """The first and last address that a host may have.

    Of an IPv4 block all but the network and broadcast addresses (RFC 950), of a /31 both (RFC
    3021). Of an IPv6 block all but the subnet-router anycast address (RFC 4291 section 2.6.1), of
    a /127 both (RFC 6164).
    """
    if span.prefix is None or span.prefix >= span.width - 1:
        return span.first, span.last
    return span.first + 1, span.last - (span.family == 4)


def verdicts(span: Span) -> tuple[Verdict, ...]:
    """What the registries and RFCs say of a whole span, beside `ipaddress` of this Python."""
    network = _python(span)
    return tuple(
        Verdict(name, registry, None if network is None else bool(getattr(network, name)), why)
        for name, registry, why in (
            ("is_global", *_reachable(span)),
            ("is_private", *_private(span)),
            ("is_loopback", _all_in(span, "127.0.0.0/8", "::1/128"), "RFC 1122, RFC 4291"),
            ("is_link_local", _all_in(span, "169.254.0.0/16", "fe80::/10"), "RFC 3927, RFC 4291"),
            ("is_multicast", _all_in(span, "224.0.0.0/4", "ff00::/8"), "RFC 5771, RFC 4291"),
            ("is_unspecified", _all_in(span, "0.0.0.0/32", "::/128"), "RFC 1122, RFC 4291"),
        )
    )


def _python(
    span: Span,
) -> (
    ipaddress.IPv4Address
    | ipaddress.IPv6Address
    | ipaddress.IPv4Network
    | ipaddress.IPv6Network
    | None
):
    if span.first == span.last:
        return ipaddress.ip_address(text(span.family, span.first))
    if span.prefix is None:
        return None
    return (
        ipaddress.ip_network((span.first, span.prefix))
        if span.family == 6
        else (ipaddress.IPv4Network((span.first, span.prefix)))
    )


def _reachable(span: Span) -> tuple[bool | None, str]:
    """Globally reachable, by the smallest block of the registry that holds all of the span."""
    inside = within(span.family, span.first, span.last)
    blocks = holding(span.family, span.first, span.last)
    if _all_in(span, "224.0.0.0/4", "ff00::/8"):
        if span.family == 6 and span.first == span.last:
            scope = span.first >> 112 & 0xF
            return scope == 0xE, "the scope of a group says how far it reaches (RFC 7346)"
        return None, "depends on the group's scope"
    own = None if not blocks else blocks[0].globally_reachable
    if inside and any(one.globally_reachable != own for one in inside):
        return None, "parts of it differ"
    if blocks:
        row = blocks[0]
        if row.terminated:
            # What the registry has let go of goes by what holds it.
            outer = next((one for one in blocks[1:] if not one.terminated), None)
            return (True if outer is None else outer.globally_reachable), (
                f"{row.block} ended in {row.terminated}"
            )
        return row.globally_reachable, f"{row.block} {row.name}, {row.rfc}"
    if span.family == 6 and not _all_in(span, "", "2000::/3"):
        return False, "outside 2000::/3, which is all that is given out (RFC 4291, IANA)"
    return True, "in no special-purpose block"


def _private(span: Span) -> tuple[bool | None, str]:
    """`ipaddress` documents is_private as not globally reachable by the registries, but for
    100.64.0.0/10, which is neither."""
    if _all_in(span, "100.64.0.0/10", ""):
        return False, "shared address space is neither private nor global (RFC 6598)"
    if _all_in(span, "224.0.0.0/4", "ff00::/8"):
        return False, "no special-purpose block"
    blocks = holding(span.family, span.first, span.last)
    reachable, why = _reachable(span)
    if reachable is None:
        return None, why
    return bool(blocks) and not reachable, why


def _all_in(span: Span, block4: str, block6: str) -> bool:
    wanted = block4 if span.family == 4 else block6
    if not wanted:
        return False
    network = ipaddress.ip_network(wanted)
    return int(network[0]) <= span.first and span.last <= int(network[-1])


def _kind(span: Span, blocks: list[Special]) -> str:
    """What it is, in a few words."""
    if _all_in(span, "224.0.0.0/4", "ff00::/8"):
        return "multicast"
    if blocks:
        return blocks[0].name
    if within(span.family, span.first, span.last):
        return "holds special-purpose blocks"
    if span.family == 6 and not _all_in(span, "", "2000::/3"):
        return "not given out by IANA"
    return "global unicast"
