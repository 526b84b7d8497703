"""Records: the layer that carries handshake, alerts and data (RFC 8446 section 5, RFC 6101)."""

from __future__ import annotations

from dataclasses import dataclass

from workbench.tls.wire.reading import WireError

CHANGE_CIPHER_SPEC = 20
ALERT = 21
HANDSHAKE = 22
APPLICATION_DATA = 23
HEARTBEAT = 24

CONTENT_TYPES = {
    CHANGE_CIPHER_SPEC: "change_cipher_spec",
    ALERT: "alert",
    HANDSHAKE: "handshake",
    APPLICATION_DATA: "application_data",
    HEARTBEAT: "heartbeat",
}

HEADER = 5
LONGEST = 16_384 + 2_048
"""The longest body of a record, encrypted (RFC 5246 section 6.2.3)."""


@dataclass(frozen=True, slots=True)
class Record:
    """One record: its content type, the version that it names, its body."""

    kind: int
    version: int
    body: bytes


class RecordReader:
    """Cuts a stream into records.

    It keeps no more than one record that is not yet whole. What is no TLS is told from the first
    bytes, so that a server that speaks something else is not waited for.
    """

    def __init__(self) -> None:
        self._held = bytearray()

    @property
    def pending(self) -> bytes:
        """What came of a record that is not yet whole."""
        return bytes(self._held)

    def feed(self, data: bytes) -> list[Record]:
        """The records that are whole now.

        Raises:
            WireError: the bytes are no record of TLS, or it is longer than any may be.
        """
        self._held += data
        records: list[Record] = []
        at = 0
        while True:
            head = self._held[at : at + HEADER]
            try:
                check_head(head)
            except WireError:
                if records:
                    break  # what came before is given first; the next call says what is wrong
                raise
            if len(head) < HEADER:
                break
            end = at + HEADER + int.from_bytes(head[3:5], "big")
            if end > len(self._held):
                break
            version = int.from_bytes(head[1:3], "big")
            records.append(Record(head[0], version, bytes(self._held[at + HEADER : end])))
            at = end
        del self._held[:at]
        return records


def check_head(head: bytes | bytearray) -> None:
    """See whether the first bytes of a record may be TLS; fewer than five are looked at as far.

    Raises:
        WireError: they cannot be.
    """
    if head and head[0] not in CONTENT_TYPES:
        raise WireError(f"no TLS record starts with the byte 0x{head[0]:02X}")
    if len(head) > 1 and head[1] != 3:
        raise WireError(f"no TLS record has the version 0x{head[1]:02X}..")
    if len(head) >= HEADER:
        length = int.from_bytes(head[3:5], "big")
        if length > LONGEST:
            raise WireError(f"a record of {length:,} bytes: TLS allows {LONGEST:,}")


def records_of(kind: int, version: int, body: bytes) -> bytes:
    """A body as records, cut at the 16,384 bytes that one may carry."""
    sent = bytearray()
    for at in range(0, len(body), 16_384):
        piece = body[at : at + 16_384]
        sent += bytes((kind,)) + version.to_bytes(2, "big") + len(piece).to_bytes(2, "big") + piece
    return bytes(sent)
