"""The ClientHellos of a scan: each asks one thing, and is in all else as ordinary as can be."""

from __future__ import annotations

import os

from workbench.tls.registry.groups import GROUPS
from workbench.tls.registry.signatures import SIGNATURE_SCHEMES
from workbench.tls.registry.suites import (
    FALLBACK_SCSV,
    RENEGOTIATION_SCSV,
    SSL2_SUITES,
    suites_of,
)
from workbench.tls.registry.suites import suites as suites_by_number
from workbench.tls.registry.versions import SSL2, SSL3, TLS12, TLS13
from workbench.tls.wire import client_hello as ch

CURVES_FIRST = (0x001D, 0x0017, 0x0018, 0x0019, 0x001E)
"""The groups that nearly every server has, so that one of them is chosen if it may be."""

GROUPS_TLS13 = tuple(one.value for one in GROUPS.values() if one.tls13)
GROUPS_TLS12 = (
    *CURVES_FIRST,
    *(one.value for one in GROUPS.values() if one.kind == "ec" and one.value not in CURVES_FIRST),
)
"""No ffdhe: a server that knows RFC 7919 would leave its own parameters for them."""

_DSA = (0x0402, 0x0502, 0x0602, 0x0302, 0x0202)
_OTHERS = (0x0301, 0x0303, 0xEEEE, 0xEFEF, 0xEDED)
"""SHA-224's, and GOST's before it was registered."""

SCHEMES = (
    0x0403,
    0x0804,
    0x0401,
    0x0503,
    0x0805,
    0x0501,
    0x0603,
    0x0806,
    0x0601,
    *(one for one in SIGNATURE_SCHEMES if one >> 8 >= 7 and one not in (0x0804, 0x0805, 0x0806)),
    *_DSA,
    *_OTHERS,
    0x0203,
    0x0201,
)
"""Every signature scheme but those of MD5, the ordinary ones first."""


class Hellos:
    """Makes the ClientHellos for one server.

    Args:
        name: the host's name for SNI; "" or an address for none.
    """

    def __init__(self, name: str) -> None:
        sni = ch.server_name(name) if name else None
        self._sni: tuple[ch.Extension, ...] = (sni,) if sni else ()

    def legacy(
        self,
        version: int,
        suites: tuple[int, ...],
        *,
        groups: tuple[int, ...] = GROUPS_TLS12,
        compressions: tuple[int, ...] = (0,),
        more: tuple[ch.Extension, ...] = (),
    ) -> ch.ClientHello:
        """For SSLv3 to TLS 1.2; SSLv3 gets no extensions, and the SCSV for RFC 5746 instead.

        Where SRP is asked for, a user is made up: a server that takes it then says that it does
        not know the user, or pretends to (RFC 5054 section 2.5.1.3).
        """
        if version == SSL3:
            return ch.ClientHello(
                version, (*suites, RENEGOTIATION_SCSV), os.urandom(32), b"", compressions
            )
        extensions = [*self._sni, ch.RENEGOTIATION, ch.EXTENDED_SECRET]
        extensions += [ch.supported_groups(groups), ch.POINT_FORMATS, ch.TICKET_WANTED]
        if version == TLS12:
            extensions.append(ch.signature_algorithms(SCHEMES))
        if any(suites_by_number()[one].kx == "SRP" for one in suites if one in suites_by_number()):
            extensions.append(ch.SRP_USER)
        return ch.ClientHello(
            version, suites, os.urandom(32), b"", compressions, (*extensions, *more)
        )

    def tls13(
        self, suites: tuple[int, ...] = (), groups: tuple[int, ...] = GROUPS_TLS13
    ) -> ch.ClientHello:
        """For TLS 1.3: no key is sent, so that the server has to say which group it wants."""
        chosen = suites or tuple(one.value for one in suites_of(TLS13))
        extensions = (
            *self._sni,
            ch.supported_versions((TLS13,)),
            ch.supported_groups(groups),
            ch.signature_algorithms(SCHEMES),
            ch.PSK_WITH_DHE,
            ch.key_share(),
        )
        return ch.ClientHello(TLS12, chosen, os.urandom(32), os.urandom(32), extensions=extensions)

    def ordinary(self) -> ch.ClientHello:
        """As a browser's: everything that is in use, from TLS 1.0 on."""
        usual = [
            one
            for one in suites_of(TLS12)
            if one.kx in ("ECDHE", "DHE", "RSA")
            and one.auth in ("ECDSA", "RSA", "DSS")
            and one.bits >= 112
            and one.openssl
        ]
        usual.sort(key=lambda one: (one.recommended != "Y", not one.forward_secret, not one.aead))
        suites = (0x1301, 0x1302, 0x1303, *(one.value for one in usual))
        extensions = (
            *self._sni,
            ch.RENEGOTIATION,
            ch.EXTENDED_SECRET,
            ch.supported_versions((TLS13, TLS12, 0x0302, 0x0301)),
            ch.supported_groups((0x11EC, *CURVES_FIRST)),
            ch.POINT_FORMATS,
            ch.signature_algorithms(SCHEMES),
            ch.PSK_WITH_DHE,
            ch.key_share(),
        )
        return ch.ClientHello(TLS12, suites, os.urandom(32), os.urandom(32), extensions=extensions)

    def ssl2(self) -> ch.ClientHello:
        """SSLv2, with every cipher kind that it ever had."""
        kinds = tuple(SSL2_SUITES)
        return ch.ClientHello(SSL2, kinds, os.urandom(16), b"", (), None, ssl2=True)

    def fallback(self, version: int, suites: tuple[int, ...]) -> ch.ClientHello:
        """A lower version than it could be, marked as a fallback (RFC 7507)."""
        return self.legacy(version, (*suites, FALLBACK_SCSV))
