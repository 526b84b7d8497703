"""Is what a server showed to be trusted: OpenSSL's verification, and all that is wrong in words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from workbench.core.text import safe
from workbench.tls import der
from workbench.tls.x509.certificate import Certificate, decode
from workbench.tls.x509.diagnose import Finding, Path, build_path, diagnose
from workbench.tls.x509.signatures import bad_signatures


@dataclass(frozen=True, slots=True)
class Judged:
    """`chain` is as sent, without what cannot be read; `path` leads from the server's up."""

    chain: tuple[Certificate, ...]
    path: Path
    findings: tuple[Finding, ...]

    @property
    def trusted(self) -> bool:
        """Nothing is wrong that clients refuse."""
        return not any(one.weight == "error" for one in self.findings)

    @property
    def leaf(self) -> Certificate | None:
        """The server's own."""
        return self.chain[0] if self.chain else None


def judge(
    sent: tuple[bytes, ...],
    verified: tuple[bytes, ...],
    *,
    untrusted: str,
    roots: Callable[[], list[bytes]],
    name: str,
    now: datetime,
) -> Judged:
    """Judge a chain.

    Args:
        verified: the path that OpenSSL found good, its root last; empty where it found none.
        untrusted: OpenSSL's words where it did not.
        roots: gives the trusted certificates, where they are needed to tell what is wrong.
        name: the host name or address that it has to be for.
    """
    chain, broken = _decoded(sent)
    if broken and broken[0].at == 0:
        return Judged((), Path((), None), tuple(broken))
    good = _decoded(verified)[0] if not untrusted else []
    if good:
        path = Path(tuple(good), good[-1])
    else:
        path = build_path(chain, _decoded(_possible(roots(), chain))[0])
    found = [*broken, *diagnose(chain, now=now, name=name, judged=True, path=path)]
    if "signature" in untrusted:
        found += bad_signatures(path, chain)
    if untrusted and not any(one.weight == "error" for one in found):
        advice = "see the chain below; another client may be of another mind"
        found.insert(0, Finding("not-verified", "error", f"OpenSSL says: {untrusted}", advice))
    return Judged(tuple(chain), path, tuple(found))


def _decoded(sent: tuple[bytes, ...] | list[bytes]) -> tuple[list[Certificate], list[Finding]]:
    chain, broken = [], []
    for at, data in enumerate(sent):
        try:
            chain.append(decode(data))
        except der.DerError as problem:
            words = f"certificate {at + 1} of the chain cannot be read: {safe(str(problem))}"
            broken.append(
                Finding("broken", "error", words, "install a certificate that is whole", at)
            )
    return chain, broken


def _possible(roots: list[bytes], chain: list[Certificate]) -> list[bytes]:
    """The few among many roots that hold the name of an issuer in the chain."""
    names = {one.issuer.raw for one in chain} | {one.subject.raw for one in chain}
    return [one for one in roots if any(name in one for name in names)]
