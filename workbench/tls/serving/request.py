"""What every server of streams is asked about TLS; the layer that the answers make is made late."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from workbench.core.endpoint import Endpoint
from workbench.core.job import option
from workbench.servers.request import ServeRequest
from workbench.tls.serving.events import Visitor

if TYPE_CHECKING:
    from workbench.tls.serving.layer import TlsLayer

__all__ = ["SecureRequest", "Visitor"]  # who knows the request knows what the server will tell

TLS = "TLS"
SECURED = {"tcp": "tls", "http": "https"}
"""The scheme over TLS of one without."""

Version = Literal["", "1.0", "1.1", "1.2", "1.3"]
Asked = Literal["no", "ask", "require"]


@dataclass(frozen=True, slots=True)
class SecureRequest(ServeRequest):
    """A server of streams that may speak TLS; its kind is a subclass.

    Its certificate is a new one by the user's CA unless another is named.
    """

    tls: bool = option(False, "speak TLS, with a certificate by your CA", group=TLS)
    cert: Path | None = option(
        None, "a certificate with its chain, instead of one by your CA", metavar="FILE", group=TLS
    )
    key: Path | None = option(None, "its key, if that is elsewhere", metavar="FILE", group=TLS)
    ca: str = option(
        "", "folder of your CA, instead of that in your data folder", metavar="FOLDER", group=TLS
    )
    broken: str = option(
        "", "a certificate wrong on purpose, as cert broken makes them", metavar="KIND", group=TLS
    )
    name: tuple[str, ...] = option(
        (), "a name for the certificate, instead of this host's", group=TLS
    )
    tls_min: Version = option("", "the oldest version", group=TLS)
    tls_max: Version = option("", "the newest version", group=TLS)
    ciphers: str = option("", "suites to TLS 1.2, as OpenSSL lists them", metavar="LIST", group=TLS)
    alpn: tuple[str, ...] = option((), "an application protocol to agree on", group=TLS)
    client_cert: Asked = option("no", "whether visitors show a certificate", group=TLS)
    client_ca: Path | None = option(
        None, "who signs visitors' certificates, instead of your CA", metavar="FILE", group=TLS
    )
    keylog: Path | None = option(
        None, "write the sessions' secrets there, for Wireshark", metavar="FILE", group=TLS
    )

    @property
    def secured(self) -> bool:
        """TLS is spoken: --tls was given, or the scheme or another option says so."""
        return self.tls or self.endpoint.tls or self.cert is not None or bool(self.broken)

    def spoken(self, end: Endpoint) -> Endpoint:
        """The endpoint with the scheme of what is spoken there."""
        if self.secured and end.scheme in SECURED:
            return end.with_scheme(SECURED[end.scheme])
        return end

    def layer(self, *protocols: str) -> TlsLayer | None:
        """The layer that the loop lays on its sockets; None without TLS.

        Args:
            protocols: of ALPN, where the user named none.

        Raises:
            JobError: the options cannot be had together, or a file cannot be used.
            OSError: a file cannot be read or written.
        """
        return self.secure_layer(*protocols) if self.secured else None

    def secure_layer(self, *protocols: str) -> TlsLayer:
        """The layer, whatever the endpoint says; as `layer`."""
        from workbench.tls.serving.context import layer_of

        return layer_of(self, self.alpn or protocols)
