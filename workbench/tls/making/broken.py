"""Certificates broken on purpose, to see what clients make of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from workbench.tls.making.issuing import Made, Order, issue, lifetime, new_key, signed_weakly


@dataclass(frozen=True, slots=True)
class Set:
    """What a server would be given: the chain as it is sent (DER), its key, and the root.

    `code` is what `diagnose` calls the fault.
    """

    chain: tuple[bytes, ...]
    key: bytes
    root: bytes
    code: str


@dataclass(frozen=True, slots=True)
class _Workshop:
    """A sound root, intermediate and server, from which each fault departs."""

    now: datetime
    name: str
    root: Made
    middle: Made

    def order(self, **changes: object) -> Order:
        begin, end = lifetime(self.now, 90)
        sound = Order(self.name, "server", begin, end, (self.name,))
        return replace(sound, **changes)  # type: ignore[arg-type]

    def server(self, issuer: Made | None = None, **changes: object) -> Made:
        return issue(self.order(**changes), new_key("ecdsa"), issuer or self.middle)

    def authority(self, subject: str, issuer: Made | None, **changes: object) -> Made:
        begin, end = lifetime(self.now, 3650)
        order = Order(subject, "ca", begin, end)
        return issue(replace(order, **changes), new_key("rsa"), issuer)  # type: ignore[arg-type]

    def set(self, code: str, leaf: Made, *more: Made) -> Set:
        chain = (leaf.certificate, *(one.certificate for one in more or (self.middle,)))
        return Set(chain, leaf.key, self.root.certificate, code)


def make(kind: str, name: str, now: datetime) -> Set:
    """A set with that fault, for a server of that name.

    Raises:
        KeyError: no such kind; `KINDS` has them.
    """
    fault = KINDS[kind]
    begin, end = lifetime(now, 3650)
    root = issue(Order("Broken root", "ca", begin, end), new_key("rsa"))
    middle = issue(Order("Broken intermediate", "ca", begin, end), new_key("rsa"), root)
    return fault(_Workshop(now, name, root, middle))


def _expired(shop: _Workshop) -> Set:
    begin, end = lifetime(shop.now - timedelta(days=100), 90)
    return shop.set("expired", shop.server(not_before=begin, not_after=end))


def _not_yet(shop: _Workshop) -> Set:
    begin, end = lifetime(shop.now + timedelta(days=10), 90)
    return shop.set("not-yet-valid", shop.server(not_before=begin, not_after=end))


def _wrong_name(shop: _Workshop) -> Set:
    other = "wrong." + shop.name if not shop.name[0].isdigit() else "wrong.example"
    return shop.set("wrong-name", shop.server(subject=other, names=(other,)))


def _common_name(shop: _Workshop) -> Set:
    return shop.set("common-name-only", shop.server(names=()))


def _missing(shop: _Workshop) -> Set:
    leaf = shop.server()
    return Set((leaf.certificate,), leaf.key, shop.root.certificate, "missing-intermediate")


def _self_signed(shop: _Workshop) -> Set:
    leaf = issue(shop.order(), new_key("ecdsa"))
    return Set((leaf.certificate,), leaf.key, shop.root.certificate, "self-signed")


def _unknown_root(shop: _Workshop) -> Set:
    other = shop.authority("Unknown root", None)
    leaf = shop.server(other)
    return shop.set("unknown-root", leaf, other)


def _weak_key(shop: _Workshop) -> Set:
    return shop.set("weak-key", issue(shop.order(), new_key("rsa-1024"), shop.middle))


def _sha1(shop: _Workshop) -> Set:
    return shop.set("weak-signature", signed_weakly(shop.server(), shop.middle, "SHA-1"))


def _md5(shop: _Workshop) -> Set:
    return shop.set("weak-signature", signed_weakly(shop.server(), shop.middle, "MD5"))


def _sha1_intermediate(shop: _Workshop) -> Set:
    weak = signed_weakly(shop.middle, shop.root, "SHA-1")
    return shop.set("weak-signature", shop.server(weak), weak)


def _wrong_use(shop: _Workshop) -> Set:
    return shop.set("wrong-use", shop.server(use="client"))


def _wrong_order(shop: _Workshop) -> Set:
    lower = shop.authority("Broken lower intermediate", shop.middle)
    return shop.set("wrong-order", shop.server(lower), shop.middle, lower)


def _root_sent(shop: _Workshop) -> Set:
    return shop.set("root-sent", shop.server(), shop.middle, shop.root)


def _duplicate(shop: _Workshop) -> Set:
    return shop.set("duplicate", shop.server(), shop.middle, shop.middle)


def _unrelated(shop: _Workshop) -> Set:
    other = shop.authority("Unrelated", shop.root)
    return shop.set("unrelated", shop.server(), shop.middle, other)


def _long_life(shop: _Workshop) -> Set:
    begin, end = lifetime(shop.now, 1000)
    return shop.set("long-life", shop.server(not_before=begin, not_after=end))


def _no_ca(shop: _Workshop) -> Set:
    false = shop.server(subject="Not a CA")
    return shop.set("not-a-ca", shop.server(false), false, shop.middle)


def _path_length(shop: _Workshop) -> Set:
    upper = shop.authority("Path of none", shop.root, path_length=0)
    lower = shop.authority("Below it", upper)
    return shop.set("path-length", shop.server(lower), lower, upper)


def _constraints(shop: _Workshop) -> Set:
    upper = shop.authority("Held to another", shop.root, permitted=("elsewhere.example",))
    return shop.set("name-constraints", shop.server(upper), upper)


def _expired_intermediate(shop: _Workshop) -> Set:
    begin, end = lifetime(shop.now - timedelta(days=1000), 900)
    old = shop.authority("Expired intermediate", shop.root, not_before=begin, not_after=end)
    return shop.set("expired", shop.server(old), old)


def _none(shop: _Workshop) -> Set:
    return shop.set("", shop.server())


KINDS: dict[str, Callable[[_Workshop], Set]] = {
    "none": _none,
    "expired": _expired,
    "not-yet-valid": _not_yet,
    "wrong-name": _wrong_name,
    "common-name-only": _common_name,
    "missing-intermediate": _missing,
    "self-signed": _self_signed,
    "unknown-root": _unknown_root,
    "weak-key": _weak_key,
    "sha1": _sha1,
    "md5": _md5,
    "sha1-intermediate": _sha1_intermediate,
    "wrong-use": _wrong_use,
    "wrong-order": _wrong_order,
    "root-sent": _root_sent,
    "duplicate": _duplicate,
    "unrelated": _unrelated,
    "long-life": _long_life,
    "not-a-ca": _no_ca,
    "path-length": _path_length,
    "name-constraints": _constraints,
    "expired-intermediate": _expired_intermediate,
}
"""Every fault by its name; "none" is sound, to compare with."""
