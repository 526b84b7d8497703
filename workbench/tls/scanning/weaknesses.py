"""What is weak in what a scan has found: each with its attack and with what to change.

RFC 9325 (recommendations), 8996 (TLS 1.0 and 1.1), 7465 (RC4), 7568 (SSLv3), 6176 (SSLv2).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from workbench.tls.registry.groups import GROUPS
from workbench.tls.registry.suites import Suite
from workbench.tls.registry.versions import SSL2, SSL3, TLS10, TLS11, TLS12, TLS13
from workbench.tls.scanning.events import Severity, Weakness
from workbench.tls.scanning.findings import Findings, names
from workbench.tls.scanning.primes import well_made

_ORDER: tuple[Severity, ...] = ("critical", "high", "medium", "low", "info")


def weaknesses(found: Findings) -> list[Weakness]:
    """Everything that is weak, the worst first."""
    every = [*_versions(found), *_suites(found), *_exchange(found), *_features(found)]
    return sorted(every, key=lambda one: _ORDER.index(one.severity))


def _versions(found: Findings) -> Iterator[Weakness]:
    spoken = found.spoken()
    if SSL2 in spoken:
        yield Weakness(
            "DROWN",
            "critical",
            "SSLv2 lets others decrypt even TLS to servers with the same key (CVE-2016-0800)",
            "turn SSLv2 off, here and wherever the same key is used",
            ("SSLv2",),
        )
    if SSL3 in spoken:
        yield Weakness(
            "POODLE",
            "high",
            "SSLv3's padding gives away what is encrypted, byte by byte (CVE-2014-3566)",
            "turn SSLv3 off",
            ("SSLv3",),
        )
    old = [one for one in spoken if one in (TLS10, TLS11)]
    if old:
        yield Weakness(
            "old versions",
            "medium",
            "TLS 1.0 and 1.1 were withdrawn in 2021 (RFC 8996): no AEAD, MD5 and SHA-1 within",
            "allow TLS 1.2 and 1.3 alone",
            names(old),
        )
    if TLS13 not in spoken and found.versions.get(TLS13) == "no":
        yield Weakness(
            "no TLS 1.3",
            "info",
            "the newest version, which has none of the old choices, is not there",
            "turn TLS 1.3 on",
        )


Test = Callable[[int, Suite], bool]

# name, severity, what it does, what to change, which suites
_OF_SUITES: tuple[tuple[str, Severity, str, str, Test], ...] = (
    (
        "no encryption",
        "critical",
        "with a NULL cipher everything is sent in the clear",
        "take the NULL suites out",
        lambda _, suite: suite.cipher == "NULL",
    ),
    (
        "anonymous",
        "critical",
        "without a certificate anybody on the way can pose as the server",
        "take the anonymous suites out (OpenSSL: !aNULL)",
        lambda _, suite: suite.auth == "anon",
    ),
    (
        "FREAK",
        "critical",
        (
            "RSA keys of 512 bits, for the export rules of the 1990s, are factored within hours "
            "(CVE-2015-0204)"
        ),
        "take the export suites out",
        lambda _, suite: suite.export and suite.kx.startswith("RSA"),
    ),
    (
        "Logjam (export)",
        "critical",
        "Diffie-Hellman of 512 bits is broken within minutes (CVE-2015-4000)",
        "take the export suites out",
        lambda _, suite: suite.export and suite.kx.startswith("DHE"),
    ),
    (
        "export",
        "critical",
        "keys of 40 or 56 bits, for the export rules of the 1990s, are tried out in no time",
        "take the export suites out",
        lambda _, suite: suite.export and not suite.kx.startswith(("RSA", "DHE")),
    ),
    (
        "RC4",
        "high",
        "RC4's first bytes are not random: cookies and passwords leak (RFC 7465)",
        "take the RC4 suites out",
        lambda _, suite: suite.cipher.startswith("RC4") and not suite.export,
    ),
    (
        "short keys",
        "high",
        "keys of DES and its like can be tried out",
        "take the suites with less than 112 bits out",
        lambda _, suite: (
            0 < suite.bits < 112 and not suite.export and not suite.cipher.startswith("RC4")
        ),
    ),
    (
        "SWEET32",
        "medium",
        (
            "blocks of 64 bits repeat after some gigabytes, and then give away what is encrypted "
            "(CVE-2016-2183)"
        ),
        "take 3DES, IDEA and the other suites with 64-bit blocks out",
        lambda _, suite: suite.block_bits == 64 and suite.bits >= 112,
    ),
    (
        "BEAST",
        "low",
        "in SSLv3 and TLS 1.0 the next block's IV of CBC is known before (CVE-2011-3389)",
        "turn TLS 1.0 off",
        lambda version, suite: version in (SSL3, TLS10) and suite.cbc,
    ),
    (
        "no forward secrecy",
        "low",
        (
            "who records today and gets the key later reads everything; RSA's padding has been an "
            "oracle again and again (ROBOT)"
        ),
        "allow ECDHE and TLS 1.3 alone",
        lambda version, suite: (
            version != SSL2 and not suite.forward_secret and suite.kx in ("RSA", "DH", "ECDH")
        ),
    ),
    (
        "LUCKY13",
        "info",
        (
            "CBC with the MAC inside leaks through time unless it is done with great care "
            "(CVE-2013-0169)"
        ),
        "allow suites with AEAD (GCM, CCM, ChaCha20-Poly1305) alone",
        lambda version, suite: version >= TLS10 and suite.cbc and suite.block_bits == 128,
    ),
    (
        "unregistered suites",
        "info",
        "the numbers of drafts and of vendors, of software that is very old",
        "update the server's TLS library",
        lambda _, suite: suite.value <= 0xFFFF and not suite.registered,
    ),
)


def _suites(found: Findings) -> Iterator[Weakness]:
    every = list(found.each())
    for name, severity, words, change, test in _OF_SUITES:
        hit = dict.fromkeys(suite.name for version, suite in every if test(version, suite))
        if hit:
            yield Weakness(name, severity, words, change, tuple(hit))


def _exchange(found: Findings) -> Iterator[Weakness]:
    dh = found.dh
    if dh is not None and dh.bits < 2048:
        shared = f", {dh.shared}" if dh.shared else ""
        yield Weakness(
            "Logjam",
            "high" if dh.bits <= 1024 else "medium",
            f"a prime of {dh.bits} bits for Diffie-Hellman can be broken (CVE-2015-4000){shared}",
            "take ECDHE alone, or a prime of 2048 bits or more (ffdhe2048 of RFC 7919)",
            (f"DHE with {dh.bits} bits",),
        )
    elif dh is not None and dh.shared and not well_made(dh.shared):
        yield Weakness(
            "shared prime",
            "low",
            f"the prime for Diffie-Hellman is one that others use too: {dh.shared}",
            "take ECDHE alone, or ffdhe2048 of RFC 7919, which was made in the open",
        )
    weak = [
        GROUPS[value]
        for values in found.groups.values()
        for value in values
        if value in GROUPS and GROUPS[value].bits < 112
    ]
    if weak:
        yield Weakness(
            "weak curves",
            "medium",
            "curves with less than 112 bits of strength",
            "allow x25519, secp256r1 and secp384r1 alone, and X25519MLKEM768 before them",
            tuple(dict.fromkeys(one.name for one in weak)),
        )
    groups = found.groups.get(TLS13, [])
    if groups and not any(GROUPS[one].post_quantum for one in groups if one in GROUPS):
        yield Weakness(
            "no post-quantum group",
            "info",
            "who records today may read it with a quantum computer one day",
            "add X25519MLKEM768 (OpenSSL 3.5 and newer have it)",
        )
    if found.sha1_signature:
        yield Weakness(
            "SLOTH",
            "medium",
            "the key exchange is signed with SHA-1, though better was offered (CVE-2015-7575)",
            "update the server's TLS library",
        )
    key = found.key
    if key is not None and key.kind in ("RSA", "DSA") and key.bits < 2048:
        yield Weakness(
            "short key",
            "high",
            f"the certificate's {key.kind} key has {key.bits} bits",
            "take a key of 2048 bits or more, or ECDSA with P-256",
        )
    if key is not None and key.signature in ("MD2", "MD5", "SHA-1"):
        yield Weakness(
            "weak signature",
            "high",
            f"the certificate is signed with {key.signature}, for which others can be forged",
            "have it issued again with SHA-256",
        )


def _features(found: Findings) -> Iterator[Weakness]:
    if found.compression == "yes":
        yield Weakness(
            "CRIME",
            "high",
            "TLS compresses: what is secret shows in how short it gets (CVE-2012-4929)",
            "turn TLS's compression off",
        )
    if found.renegotiation == "no":
        yield Weakness(
            "insecure renegotiation",
            "high",
            "others can put words before the client's (CVE-2009-3555)",
            "update the server's TLS library (RFC 5746), or turn renegotiation off",
        )
    if found.fallback == "no" and any(one <= TLS11 for one in found.spoken()):
        yield Weakness(
            "no fallback SCSV",
            "low",
            "others can push a client that retries down to an older version",
            "turn the old versions off; newer libraries know TLS_FALLBACK_SCSV (RFC 7507)",
        )
    if found.extended_secret == "no":
        yield Weakness(
            "Triple Handshake",
            "low",
            "sessions are not bound to their handshake (no extended master secret, RFC 7627)",
            "update the server's TLS library, or allow TLS 1.3 alone",
        )
    if found.heartbeat == "yes":
        yield Weakness(
            "heartbeat",
            "info",
            "the extension that Heartbleed was in is on (CVE-2014-0160)",
            "see that OpenSSL is newer than 1.0.1f; nobody needs heartbeats over TCP",
        )
    if TLS12 in found.spoken() and found.session_ids == "no" and found.tickets == "no":
        yield Weakness(
            "no resumption",
            "info",
            "every connection of TLS 1.2 pays for a whole handshake",
            "turn session tickets or a session cache on",
        )
