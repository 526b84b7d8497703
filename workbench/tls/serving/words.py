"""Why a handshake failed, in words: OpenSSL's reasons, and the alerts of either side."""

from __future__ import annotations

import re
import ssl

from workbench.core.failure import explain
from workbench.core.text import safe
from workbench.tls.registry.alerts import ALERTS, AlertKind
from workbench.tls.wire import record
from workbench.tls.wire.alerts import parse_alert
from workbench.tls.wire.reading import WireError

_ALERT = re.compile(r"(?:SSLV3|TLSV1[23]?|SSL/TLS)_(?:ALERT_)?(\w+)")
_BY_NAME: dict[str, AlertKind] = {kind.name: kind for kind in ALERTS.values()}

_REASONS = {
    "NO_SHARED_CIPHER": "no cipher suite in common",
    "UNSUPPORTED_PROTOCOL": "no version in common",
    "VERSION_TOO_LOW": "no version in common",
    "WRONG_VERSION_NUMBER": "it spoke no TLS",
    "HTTP_REQUEST": "it spoke plain HTTP",
    "HTTPS_PROXY_REQUEST": "it took this server for a proxy of HTTP",
    "PEER_DID_NOT_RETURN_A_CERTIFICATE": "it showed no certificate, which is required here",
    "NO_SUITABLE_KEY_SHARE": "no group for the key exchange in common",
    "NO_SUITABLE_GROUPS": "no group for the key exchange in common",
    "NO_SHARED_GROUPS": "no group for the key exchange in common",
    "NO_APPLICATION_PROTOCOL": "no application protocol (ALPN) in common",
    "INAPPROPRIATE_FALLBACK": "it fell back to an older version without need",
    "NO_SUITABLE_SIGNATURE_ALGORITHM": "no signature scheme in common",
    "UNEXPECTED_EOF_WHILE_READING": "it left amid the handshake",
    "LENGTH_MISMATCH": "its message has lengths that disagree",
    "DECRYPTION_FAILED_OR_BAD_RECORD_MAC": "a record of it does not decrypt",
}


def alert_of(problem: BaseException) -> str:
    """The alert that came from the other side, as name and number; "" where it was none."""
    kind = _kind(problem)
    return f"{kind.name} ({kind.value}) from the visitor" if kind else ""


def sent_alert(written: bytes) -> str:
    """The alert that we sent in clear, the last of the records written; "" for none."""
    try:
        found = record.RecordReader().feed(written)
        if found and found[-1].kind == record.ALERT:
            kind = parse_alert(found[-1].body).kind
            return f"{kind.name} ({kind.value}) from this server"
    except WireError:
        pass
    return ""


def reason_of(problem: BaseException) -> str:
    """Why it failed, in one line."""
    kind = _kind(problem)
    if kind is not None:
        return f"the visitor gave up: {kind.meaning}"
    if isinstance(problem, ssl.SSLCertVerificationError):
        return f"the visitor's certificate: {safe(problem.verify_message)}"
    reason = getattr(problem, "reason", "") or ""
    if reason in _REASONS:
        return _REASONS[reason]
    if isinstance(problem, ssl.SSLEOFError):
        return "it left amid the handshake"
    return explain("", problem).cause


def _kind(problem: BaseException) -> AlertKind | None:
    reason = getattr(problem, "reason", "") or ""
    found = _ALERT.fullmatch(reason)
    return _BY_NAME.get(found[1].lower()) if found else None
