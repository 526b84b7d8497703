"""The certificate scenarios of badssl.com, rebuilt with certificates of our own.

What badssl.com shows of the protocol (old versions, suites, small groups) needs a server rather
than a certificate: `tests.tls.test_badssl_servers`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from workbench.tls.making import broken
from workbench.tls.making.issuing import KeyKind, Order, issue, lifetime, new_key

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
LONG = (
    "long-extended-subdomain-name-containing-many-letters-and-dashes.badssl.test",
    "longextendedsubdomainnamewithoutdashesinordertotestwordwrapping.badssl.test",
)


@dataclass(frozen=True, slots=True)
class Scenario:
    """A subdomain of badssl.com: the name asked for, what makes its files, the codes expected."""

    label: str
    build: Callable[[], broken.Set]
    codes: frozenset[str]
    name: str


def _broken(label: str, kind: str, *codes: str) -> Scenario:
    name = f"{label}.badssl.test"
    return Scenario(label, lambda: broken.make(kind, name, NOW), frozenset(codes), name)


def _sound(
    label: str,
    *codes: str,
    name: str = "",
    names: tuple[str, ...] | None = None,
    subject: str | None = None,
    kind: KeyKind = "ecdsa",
    days: int = 90,
) -> Scenario:
    target = name or f"{label}.badssl.test"

    def build() -> broken.Set:
        begin, end = lifetime(NOW, 3650)
        root = issue(Order("BadSSL root", "ca", begin, end), new_key("rsa"))
        middle = issue(Order("BadSSL middle", "ca", begin, end), new_key("rsa"), root)
        held = (target,) if names is None else names
        order = Order(
            target if subject is None else subject,
            *("server", begin, begin + timedelta(days=days), held),
        )
        leaf = issue(order, new_key(kind), middle)
        return broken.Set(
            (leaf.certificate, middle.certificate), leaf.key, root.certificate, "".join(codes)
        )

    return Scenario(label, build, frozenset(codes), target)


def _sans(count: int) -> tuple[str, ...]:
    return (f"{count}-sans.badssl.test", *(f"{n}.san.badssl.test" for n in range(1, count)))


SCENARIOS = (
    _broken("expired", "expired", "expired"),
    _sound("wrong.host", "wrong-name", names=("*.badssl.test", "badssl.test")),
    _broken("self-signed", "self-signed", "self-signed"),
    _broken("untrusted-root", "unknown-root", "unknown-root", "root-sent"),
    _broken("incomplete-chain", "missing-intermediate", "missing-intermediate"),
    _broken("no-common-name-but-old", "common-name-only", "common-name-only"),
    _broken("sha1-intermediate", "sha1-intermediate", "weak-signature"),
    _broken("sha1-2017", "sha1", "weak-signature"),
    _sound("no-common-name", subject=""),
    _sound("no-subject", subject=""),
    _sound("sha256"),
    _sound("1000-sans", names=_sans(1000)),
    _sound("10000-sans", names=_sans(10_000)),
    _sound("ecc256", kind="ecdsa"),
    _sound("ecc384", kind="ecdsa-p384"),
    _sound("rsa2048", kind="rsa"),
    _sound("rsa4096", kind="rsa-4096"),
    _sound("badssl", name="any.badssl.test", names=("*.badssl.test", "badssl.test")),
    *(_sound(name.split(".")[0], name=name, names=("*.badssl.test",)) for name in LONG),
    _sound("too-long-lived", "long-life", days=1000),
    # Sound by all that a chain says: a revocation is told by a staple (tests.tls.
    # test_inspect_peers), and pins, logs and extended validation are policies of browsers.
    *map(_sound, ("revoked", "pinning-test", "no-sct", "invalid-expected-sct")),
    _sound("extended-validation"),
)
