"""Alerts: the registry "TLS Alerts", each with what it means and what to look at."""

from __future__ import annotations

from dataclasses import dataclass

ALERTS_DATE = "2025-12"
"""The date of the registry's text that the table carries."""


@dataclass(frozen=True, slots=True)
class AlertKind:
    """One alert: its name in the registry, its meaning in words, and what to look at."""

    value: int
    name: str
    meaning: str
    look_at: str


_COMMON_GROUND = "the versions, cipher suites, groups and signature schemes that both sides allow"
_CLIENT_CERTIFICATE = "the certificate that was sent, and the CAs that the other side trusts"
_BROKEN = "whether something on the way (a proxy, a middlebox) rewrites TLS, and the other's log"

_TABLE = (
    (0, "close_notify", "it ends the connection in good order", "nothing: this is no failure"),
    (10, "unexpected_message", "a message came that has no place there", _BROKEN),
    (20, "bad_record_mac", "a record was damaged or encrypted with other keys", _BROKEN),
    (21, "decryption_failed", "a record could not be decrypted (old TLS)", _BROKEN),
    (22, "record_overflow", "a record was longer than the protocol allows", _BROKEN),
    (30, "decompression_failure", "compressed data could not be unpacked", _BROKEN),
    (40, "handshake_failure", "nothing that was offered suits it", _COMMON_GROUND),
    (41, "no_certificate", "it has no certificate to send (SSLv3)", _CLIENT_CERTIFICATE),
    (
        42,
        "bad_certificate",
        "the certificate is broken or its signature is wrong",
        _CLIENT_CERTIFICATE,
    ),
    (
        43,
        "unsupported_certificate",
        "it cannot use a certificate of that kind",
        "the type of its key and its allowed uses (key usage, extended key usage)",
    ),
    (
        44,
        "certificate_revoked",
        "the certificate was revoked by its CA",
        "the CA's list of revocations (CRL, OCSP)",
    ),
    (
        45,
        "certificate_expired",
        "the certificate has expired or is not yet valid",
        "its dates and both clocks",
    ),
    (
        46,
        "certificate_unknown",
        "the certificate was refused, for another reason",
        _CLIENT_CERTIFICATE,
    ),
    (47, "illegal_parameter", "a value is impossible or contradicts another", _BROKEN),
    (
        48,
        "unknown_ca",
        "no trusted CA signed the certificate",
        "the CA that the other side trusts, and whether an intermediate certificate is missing",
    ),
    (
        49,
        "access_denied",
        "the certificate is valid, but whom it names may not enter",
        "the other side's rules of access",
    ),
    (50, "decode_error", "a message could not be read: a length or a field is wrong", _BROKEN),
    (
        51,
        "decrypt_error",
        "a signature or the Finished message did not verify",
        "whether key and certificate belong together; pre-shared keys must be equal",
    ),
    (
        52,
        "too_many_cids_requested",
        "more connection ids were asked for than it gives",
        "DTLS's options",
    ),
    (60, "export_restriction", "it obeys the export rules of the 1990s", _COMMON_GROUND),
    (
        70,
        "protocol_version",
        "it does not allow the version that was offered",
        "the versions that both sides allow: one may be very old, or have the old ones turned off",
    ),
    (
        71,
        "insufficient_security",
        "it wants stronger cipher suites or keys than were offered",
        _COMMON_GROUND,
    ),
    (80, "internal_error", "it failed for a reason of its own", "the other side's log"),
    (
        86,
        "inappropriate_fallback",
        "it speaks a newer version than the one it was asked to fall back to",
        "nothing: that is what TLS_FALLBACK_SCSV is for (RFC 7507)",
    ),
    (
        90,
        "user_canceled",
        "its user or program broke the handshake off",
        "the other side's program",
    ),
    (
        100,
        "no_renegotiation",
        "it does not negotiate again on this connection",
        "nothing: to refuse is safe",
    ),
    (
        109,
        "missing_extension",
        "an extension that must be there is missing",
        "the extensions that were sent: TLS 1.3 needs groups, key shares and signature schemes",
    ),
    (
        110,
        "unsupported_extension",
        "an extension came back that was never offered",
        "the server's TLS library",
    ),
    (
        111,
        "certificate_unobtainable",
        "it could not fetch the certificate from its URL",
        "that URL, and whether the server reaches it",
    ),
    (
        112,
        "unrecognized_name",
        "it serves no host of that name",
        "the server name (SNI) that was sent, and the names that it is set up for",
    ),
    (
        113,
        "bad_certificate_status_response",
        "the OCSP answer that came with the certificate is no good",
        "the stapled OCSP answer's dates and signature",
    ),
    (
        114,
        "bad_certificate_hash_value",
        "the certificate fetched by its URL has another hash",
        "what is at that URL",
    ),
    (
        115,
        "unknown_psk_identity",
        "it knows no pre-shared key by that name",
        "the identity of the pre-shared key",
    ),
    (
        116,
        "certificate_required",
        "it wants a client certificate and got none",
        "the certificate and key that the client is given",
    ),
    (
        117,
        "general_error",
        "it failed, and the registry's other alerts do not fit",
        "the other side's log",
    ),
    (
        120,
        "no_application_protocol",
        "it speaks none of the protocols that were offered (ALPN)",
        "the list of ALPN names on both sides",
    ),
    (
        121,
        "ech_required",
        "it refused the encrypted ClientHello, which this client insists on",
        "the ECH keys in the host's DNS record (HTTPS)",
    ),
)

ALERTS: dict[int, AlertKind] = {row[0]: AlertKind(*row) for row in _TABLE}
"""Every alert, by its value."""

SSL2_ERRORS = {
    0x0001: "no cipher in common",
    0x0002: "no certificate",
    0x0004: "bad certificate",
    0x0006: "unsupported certificate type",
}
"""The errors of SSLv2 (the SSL 2.0 draft, section C.7)."""


def alert_kind(value: int) -> AlertKind:
    """What is known of an alert; an unknown one is named by its number."""
    known = ALERTS.get(value)
    if known is not None:
        return known
    return AlertKind(value, f"alert {value}", "an alert that is in no registry", _BROKEN)
