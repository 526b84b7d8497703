"""What a session over TLS is asked; the handshake itself, with `ssl`, is imported when it comes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from workbench.core.job import Request, option
from workbench.tls.client_context import TlsOptions

TLS = "TLS"


@dataclass(frozen=True, slots=True, kw_only=True)
class SecureOptions(Request):
    """Options of a session that begins with TLS (tls://)."""

    insecure: bool = option(False, "take any certificate", group=TLS)
    ca: Path | None = option(None, "trust these authorities alone", metavar="FILE", group=TLS)
    cert: Path | None = option(None, "a client certificate", metavar="FILE", group=TLS)
    key: Path | None = option(None, "its key, if in another file", metavar="FILE", group=TLS)
    key_password: str = option("", "the password of the key", secret=True, group=TLS)
    server_name: str = option("", "ask for this name in TLS", metavar="NAME", group=TLS)
    alpn: tuple[str, ...] = option((), "an application protocol to agree on", group=TLS)
    keylog: Path | None = option(
        None, "write the session's secrets there, for Wireshark", metavar="FILE", group=TLS
    )

    @property
    def tls_options(self) -> TlsOptions:
        """How TLS is asked for."""
        return TlsOptions(
            not self.insecure, self.ca, self.cert, self.key, self.key_password, self.server_name
        )

    def in_python(self) -> str:
        """The lines that make `context`, of a script."""
        lines = [f"context = ssl.create_default_context(cafile={str(self.ca)!r})"]
        if self.ca is None:
            lines = ["context = ssl.create_default_context()"]
        if self.insecure:
            lines += ["context.check_hostname = False", "context.verify_mode = ssl.CERT_NONE"]
        if self.cert is not None:
            given = [repr(str(self.cert)), *([repr(str(self.key))] if self.key else [])]
            lines.append(f"context.load_cert_chain({', '.join(given)})")
        if self.alpn:
            lines.append(f"context.set_alpn_protocols({list(self.alpn)!r})")
        if self.keylog is not None:
            lines.append(f"context.keylog_filename = {str(self.keylog)!r}")
        return "\n".join(lines)

    def in_socat(self) -> str:
        """The words of socat's OPENSSL address."""
        words = ["verify=0" if self.insecure else "verify=1"]
        for name, file in (("cafile", self.ca), ("cert", self.cert), ("key", self.key)):
            if file is not None:
                words.append(f"{name}={file}")
        if self.server_name:
            words += [f"commonname={self.server_name}", f"snihost={self.server_name}"]
        return "".join(f",{word}" for word in words)
