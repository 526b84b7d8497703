"""What is hidden inside an address: IPv4 in IPv6, a MAC address, a group's meaning."""

from __future__ import annotations

from dataclasses import dataclass

from workbench.addresses import mac
from workbench.addresses.span import single, text

V4 = 0xFFFFFFFF
_LOW56 = (1 << 56) - 1

_WELL_KNOWN_NAT64 = 0x0064FF9B << 96
_LOCAL_NAT64 = 0x0064FF9B0001 << 80
_SCOPES = {
    1: "interface-local",
    2: "link-local",
    3: "realm-local",
    4: "admin-local",
    5: "site-local",
    8: "organization-local",
    0xE: "global",
}

# https://www.iana.org/assignments/multicast-addresses and …/ipv6-multicast-addresses
_GROUPS4 = {
    0xE0000001: "all systems on this subnet",
    0xE0000002: "all routers on this subnet",
    0xE0000005: "OSPF, all routers",
    0xE0000006: "OSPF, designated routers",
    0xE0000009: "RIPv2 routers",
    0xE000000A: "EIGRP routers",
    0xE000000D: "all PIM routers",
    0xE0000012: "VRRP",
    0xE0000016: "IGMP",
    0xE00000FB: "mDNS",
    0xE00000FC: "LLMNR",
    0xE0000101: "NTP",
    0xE0000181: "PTP",
    0xEFFFFFFA: "SSDP (UPnP)",
}
_GROUPS6 = {
    0x1: "all nodes",
    0x2: "all routers",
    0x5: "OSPF, all routers",
    0x6: "OSPF, designated routers",
    0x9: "RIPng routers",
    0xA: "EIGRP routers",
    0xC: "SSDP",
    0xD: "all PIM routers",
    0x12: "VRRP",
    0x16: "all MLDv2 routers",
    0xFB: "mDNS",
    0x101: "NTP",
    0x10002: "all DHCP agents",
    0x10003: "LLMNR, or all DHCP servers in the site scope",
}
# RFC 5771
_BLOCKS4 = (
    (0xE0000000, 24, "local network control: never forwarded"),
    (0xE0000100, 24, "internetwork control"),
    (0xE8000000, 8, "source-specific multicast (RFC 4607)"),
    (0xE9000000, 8, "GLOP (RFC 3180)"),
    (0xEA000000, 8, "unicast-prefix-based (RFC 6034)"),
    (0xEF000000, 8, "administratively scoped (RFC 2365)"),
)


@dataclass(frozen=True, slots=True)
class Embedded:
    """One thing that an address carries: `name` says what, `value` is it, `rfc` who says so."""

    name: str
    value: str
    rfc: str


def found(family: int, value: int, nat64: tuple[int, int] | None = None) -> list[Embedded]:
    """All that an address carries; `nat64` is a network's own prefix as (first, length)."""
    if family == 4:
        return _multicast4(value) if value >> 28 == 0xE else []
    carried = [*_transition(value), *_interface_id(value)]
    if nat64 is not None and value >> (128 - nat64[1]) == nat64[0] >> (128 - nat64[1]):
        carried += _nat64(value, nat64[1])
    if value >> 120 == 0xFF:
        carried += _multicast6(value)
    return carried


def extract_nat64(value: int, length: int) -> int:
    """The IPv4 address in an IPv6 address of a NAT64 prefix; bits 64 to 71 are left out.

    Raises:
        ValueError: the length is none of RFC 6052 section 2.2.
    """
    if length not in (32, 40, 48, 56, 64, 96):
        raise ValueError(f"a NAT64 prefix has 32, 40, 48, 56, 64 or 96 bits, not {length}")
    if length == 96:
        return value & V4
    squeezed = value >> 64 << 56 | value & _LOW56
    return (squeezed >> (120 - length - 32)) & V4


def embed_nat64(prefix: int, length: int, address: int) -> int:
    """The IPv6 address that stands for an IPv4 one behind a NAT64 prefix (RFC 6052)."""
    if length == 96:
        return prefix | address
    squeezed = address << (120 - length - 32)
    return prefix | squeezed >> 56 << 64 | squeezed & _LOW56


def _transition(value: int) -> list[Embedded]:
    carried = []
    high = value >> 32
    if high == 0xFFFF:
        carried.append(Embedded("IPv4-mapped", text(4, value & V4), "RFC 4291, 2.5.5.2"))
    elif high == 0 and value > 0xFFFF:
        carried.append(
            Embedded("IPv4-compatible (deprecated)", text(4, value & V4), "RFC 4291, 2.5.5.1")
        )
    if value >> 112 == 0x2002:
        carried.append(Embedded("6to4 router", text(4, value >> 80 & V4), "RFC 3056"))
    if value >> 96 == 0x20010000:
        carried += [
            Embedded("Teredo server", text(4, value >> 64 & V4), "RFC 4380"),
            Embedded(
                "Teredo client", f"{text(4, ~value & V4)}:{~value >> 32 & 0xFFFF}", "RFC 4380"
            ),
            Embedded("Teredo flags", f"0x{value >> 48 & 0xFFFF:04x}", "RFC 4380, RFC 5991"),
        ]
    if value >> 32 == _WELL_KNOWN_NAT64 >> 32:
        carried += _nat64(value, 96)
    elif value >> 80 == _LOCAL_NAT64 >> 80:
        carried.append(
            Embedded("NAT64, if its prefix is the /96", text(4, value & V4), "RFC 8215, RFC 6052")
        )
    if (value >> 32) & 0xFCFFFFFF == 0x5EFE:
        carried.append(Embedded("ISATAP", text(4, value & V4), "RFC 5214"))
    return carried


def _nat64(value: int, length: int) -> list[Embedded]:
    return [Embedded("NAT64", text(4, extract_nat64(value, length)), "RFC 6052")]


def _interface_id(value: int) -> list[Embedded]:
    address = mac.from_interface_id(value & ((1 << 64) - 1))
    if address is None or value >> 120 == 0xFF:
        return []
    return [Embedded("MAC address (EUI-64)", mac.text(address), "RFC 4291, appendix A")]


def _multicast4(value: int) -> list[Embedded]:
    carried = []
    if value in _GROUPS4:
        carried.append(Embedded("group", _GROUPS4[value], "RFC 5771"))
    for first, length, name in _BLOCKS4:
        if value >> (32 - length) == first >> (32 - length):
            carried.append(Embedded("multicast block", name, "RFC 5771"))
    if value >> 24 == 0xE9:
        carried.append(Embedded("autonomous system", f"AS{value >> 8 & 0xFFFF}", "RFC 3180"))
    ethernet = bytes.fromhex("01005e") + (value & 0x7FFFFF).to_bytes(3, "big")
    carried.append(Embedded("on Ethernet", mac.text(ethernet), "RFC 1112"))
    return carried


def _multicast6(value: int) -> list[Embedded]:
    flags, scope = value >> 116 & 0xF, value >> 112 & 0xF
    group = value & ((1 << 112) - 1)
    carried = [Embedded("scope", f"{_SCOPES.get(scope, 'unassigned')} ({scope:x})", "RFC 7346")]
    if not flags and group in _GROUPS6:
        carried.append(Embedded("group", _GROUPS6[group], "RFC 4291, 2.7.1"))
    if not flags and scope == 2 and group >> 24 == 0x1FF:
        low = f"…{value >> 16 & 0xFF:02x}:{value & 0xFFFF:04x}"
        carried.append(Embedded("solicited-node of", f"addresses that end in {low}", "RFC 4291"))
    if flags & 1:
        carried.append(Embedded("assignment", "transient (T flag)", "RFC 4291, 2.7"))
    if flags & 2:
        length = value >> 96 & 0xFF
        bits = value >> 32 & ((1 << 64) - 1)
        prefix = bits >> (64 - length) << (64 - length) if length <= 64 else bits
        kind = "source-specific" if not length and not bits else "unicast prefix"
        carried.append(Embedded(kind, f"{single(6, prefix << 64)}/{length}", "RFC 3306, RFC 4607"))
    if flags & 4:
        length = value >> 96 & 0xFF
        if 0 < length <= 64:
            prefix = (value >> 32 & ((1 << 64) - 1)) >> (64 - length) << (128 - length)
            point = text(6, prefix | value >> 104 & 0xF)
            carried.append(Embedded("rendezvous point", point, "RFC 3956"))
    ethernet = b"\x33\x33" + (value & V4).to_bytes(4, "big")
    carried.append(Embedded("on Ethernet", mac.text(ethernet), "RFC 2464"))
    return carried
