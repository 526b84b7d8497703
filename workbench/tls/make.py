"""Make a CA of one's own and certificates by it: `cert ca`, `cert server`, `cert client`, …"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from workbench.core.events import Done
from workbench.core.failure import JobError
from workbench.core.host import PartError, name_or_ipv4
from workbench.core.job import Request, argument, job, option
from workbench.core.message import Event
from workbench.core.scope import Scope
from workbench.core.text import safe
from workbench.tls import pem
from workbench.tls.making import as_code, authority, files
from workbench.tls.making.issuing import KeyKind, Order, issue, new_key
from workbench.tls.making.issuing import request as new_request
from workbench.tls.x509 import csr, matching
from workbench.tls.x509.diagnose import Use

_REQUESTS = ("CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST")
_MAIL = re.compile(r"[!-?A-~]+@[!-?A-~]+")


@dataclass(frozen=True, slots=True)
class CertCa(Request):
    """Make a CA of your own: a root that signs the certificates you make.

    Its certificate ca.pem is what clients must be given to trust; its key ca.key is for you alone.
    Nothing is put into the system's store of trusted certificates.
    """

    name: str = argument("what the CA is called", default=authority.CA_NAME)
    ca: str = option("", "folder of the CA, instead of that in your data folder", metavar="FOLDER")
    key: KeyKind = option("ecdsa", "kind of its key")
    days: int = option(3650, "how long it is valid", unit="days")
    force: bool = option(False, "replace a CA that is there: what it signed is then worth nothing")

    def as_python(self) -> str:
        """The library cryptography: the standard one makes no certificates."""
        folder = files.ca_folder(self.ca)
        return as_code.python(
            self.name, "ca", (), self.key, self.days, folder, *authority.paths(folder)
        )

    def as_shell(self) -> str:
        """openssl req."""
        folder = files.ca_folder(self.ca)
        made = as_code.shell(
            self.name, "ca", (), self.key, self.days, folder, *authority.paths(folder)
        )
        return f"mkdir -p -m 700 {shlex.quote(str(folder))} && {made}"


@dataclass(frozen=True, slots=True)
class CertServer(Request):
    """Make a key and a certificate for a server, signed by your CA.

    The first name gives the files theirs: NAME.pem and NAME.key. Names may be addresses and
    wildcards (*.a.example). Where there is no CA yet, one is made.
    """

    names: tuple[str, ...] = argument("host names and addresses of the server", metavar="NAME")
    output: Path = option(Path("."), "folder for the files", metavar="FOLDER")
    ca: str = option("", "folder of the CA, instead of that in your data folder", metavar="FOLDER")
    key: KeyKind = option("ecdsa", "kind of the key")
    days: int = option(90, "how long it is valid", unit="days")
    must_staple: bool = option(False, "ask clients to refuse it without an OCSP answer stapled")
    force: bool = option(False, "replace files that are there")

    def as_python(self) -> str:
        """The library cryptography, for a CA that is there."""
        return as_code.python(*_leaf(self, "server"), staple=self.must_staple)

    def as_shell(self) -> str:
        """openssl req, for a CA that is there."""
        return as_code.shell(*_leaf(self, "server"), staple=self.must_staple)


@dataclass(frozen=True, slots=True)
class CertClient(Request):
    """Make a key and a certificate by which a client shows who it is, signed by your CA.

    The first name, of a person, a machine or a mail address, gives the files theirs.
    """

    names: tuple[str, ...] = argument("who the client is", metavar="NAME")
    output: Path = option(Path("."), "folder for the files", metavar="FOLDER")
    ca: str = option("", "folder of the CA, instead of that in your data folder", metavar="FOLDER")
    key: KeyKind = option("ecdsa", "kind of the key")
    days: int = option(90, "how long it is valid", unit="days")
    force: bool = option(False, "replace files that are there")

    def as_python(self) -> str:
        """The library cryptography, for a CA that is there."""
        return as_code.python(*_leaf(self, "client"))

    def as_shell(self) -> str:
        """openssl req, for a CA that is there."""
        return as_code.shell(*_leaf(self, "client"))


@dataclass(frozen=True, slots=True)
class CertCsr(Request):
    """Make a key and a request that a CA signs: NAME.key and NAME.csr."""

    names: tuple[str, ...] = argument("host names and addresses of the server", metavar="NAME")
    output: Path = option(Path("."), "folder for the files", metavar="FOLDER")
    key: KeyKind = option("ecdsa", "kind of the key")
    force: bool = option(False, "replace files that are there")

    def as_python(self) -> str:
        """The library cryptography."""
        return as_code.python_request(self.names, self.key, *_paths(self.output, self.names, "csr"))

    def as_shell(self) -> str:
        """openssl req -new."""
        return as_code.shell_request(self.names, self.key, *_paths(self.output, self.names, "csr"))


@dataclass(frozen=True, slots=True)
class CertSign(Request):
    """Sign somebody's request with your CA.

    The names are those that the request asks for, or those that you give with --name instead;
    nothing else that a request may ask for is granted.
    """

    request: str = argument("file of the request, or - for standard input", metavar="FILE")
    output: Path = option(Path("signed.pem"), "file for the certificate", metavar="FILE")
    name: tuple[str, ...] = option((), "a name to grant instead of those asked for")
    use: Use = option("server", "what the certificate is for")
    ca: str = option("", "folder of the CA, instead of that in your data folder", metavar="FOLDER")
    days: int = option(90, "how long it is valid", unit="days")
    force: bool = option(False, "replace a file that is there")

    def as_python(self) -> str:
        """The library cryptography."""
        folder = files.ca_folder(self.ca)
        return as_code.python_sign(
            self.request, self.name, self.use, self.days, folder, self.output
        )

    def as_shell(self) -> str:
        """openssl x509 -req."""
        folder = files.ca_folder(self.ca)
        return as_code.shell_sign(self.request, self.name, self.use, self.days, folder, self.output)


@job("cert ca", tab="tls", example="cert ca --ca /tmp/my-ca --force")
def cert_ca(request: CertCa, scope: Scope) -> Iterator[Event]:
    """Make the root and write it."""
    folder = files.ca_folder(request.ca)
    files.may_write(list(authority.paths(folder)), request.force)
    yield from authority.make(folder, request.name, request.key, request.days)
    yield Done(f"give clients {safe(str(folder / files.CA_CERTIFICATE))} to trust")


@job(
    "cert server",
    tab="tls",
    example="cert server localhost --output /tmp --ca /tmp/my-ca --force",
)
def cert_server(request: CertServer, scope: Scope) -> Iterator[Event]:
    """Make the key, sign its certificate, write both."""
    yield from _make(request, "server")


@job(
    "cert client",
    tab="tls",
    example="cert client joe --output /tmp --ca /tmp/my-ca --force",
)
def cert_client(request: CertClient, scope: Scope) -> Iterator[Event]:
    """Make the key, sign its certificate, write both."""
    yield from _make(request, "client")


@job("cert csr", tab="tls", example="cert csr a.example --output /tmp --force")
def cert_csr(request: CertCsr, scope: Scope) -> Iterator[Event]:
    """Make the key and the request."""
    _checked(request.names, "server")
    paths = _paths(request.output, request.names, "csr")
    files.may_write(list(paths), request.force)
    key = new_key(request.key)
    asked = new_request(request.names[0], request.names, key)
    yield files.write(paths[1], pem.write("PRIVATE KEY", key), "its key", secret=True)
    words = f"a request for {', '.join(request.names)}"
    yield files.write(paths[0], pem.write(_REQUESTS[0], asked), words)
    yield Done()


@job(
    "cert sign",
    tab="tls",
    example="cert sign /tmp/a.example.csr --output /tmp/a.pem --force",
    reads_input=True,
)
def cert_sign(request: CertSign, scope: Scope) -> Iterator[Event]:
    """Read the request, check that its key signed it, sign it."""
    from cryptography import x509

    block = files.one_block(request.request, _REQUESTS, "certificate request", scope)
    try:
        asked = csr.decode(block.der)
        genuine = x509.load_der_x509_csr(block.der).is_signature_valid
    except Exception as problem:  # the library has many ways to refuse a key
        raise JobError(f"the request cannot be read: {safe(str(problem))}") from None
    if not genuine:
        raise JobError(
            "the request is not signed by its own key", advice="have it made anew: it was changed"
        )
    kinds = ("DNS", "IP", "email")
    wished = tuple(one.value for one in asked.facts.names or () if one.kind in kinds)
    names = request.name or wished
    if not names:
        raise JobError("the request asks for no name", advice="say which with --name NAME")
    _checked(names, request.use)
    files.may_write([request.output], request.force)
    yield from authority.existing(files.ca_folder(request.ca))
    root = authority.load(files.ca_folder(request.ca))
    order = authority.order(names[0], _listed(names, request.use), request.use, request.days, root)
    made = issue(order, b"", root, request=block.der)
    yield files.write(request.output, made.certificate_pem, _told(order))
    yield Done()


def _make(request: CertServer | CertClient, use: Literal["server", "client"]) -> Iterator[Event]:
    _checked(request.names, use)
    folder = files.ca_folder(request.ca)
    paths = _paths(request.output, request.names, "pem")
    files.may_write(list(paths), request.force)
    yield from authority.existing(folder)
    root = authority.load(folder)
    staple = isinstance(request, CertServer) and request.must_staple
    names = _listed(request.names, use)
    order = authority.order(request.names[0], names, use, request.days, root, staple=staple)
    made = issue(order, new_key(request.key), root)
    yield files.write(paths[1], made.key_pem, "its key", secret=True)
    yield files.write(paths[0], made.certificate_pem, _told(order))
    yield Done(f"who connects must trust {safe(str(folder / files.CA_CERTIFICATE))}")


def _told(order: Order) -> str:
    names = ", ".join(order.names or (order.subject,))
    return f"a {order.use} certificate for {names}, until {order.not_after:%Y-%m-%d}"


def _checked(names: tuple[str, ...], use: Use) -> None:
    """Raise JobError for a name that cannot stand in a certificate."""
    if not names:
        raise JobError("no name is given", advice="name the server: localhost, 192.0.2.1, …")
    for name in names:
        if use == "client" and name.strip() == name and 0 < len(name) <= 64 and name.isprintable():
            continue
        if not (_is_host(name) or _is_mail(name)):
            why = "give host names, addresses or wildcards such as *.a.example"
            raise JobError(f"“{safe(name)}” is no name for a certificate", advice=why)


def _listed(names: tuple[str, ...], use: Use) -> tuple[str, ...]:
    """Those of the names that may stand among a certificate's alternative names."""
    return tuple(name for name in names if use == "server" or _is_mail(name) or _is_host(name))


def _is_host(name: str) -> bool:
    if matching.read_address(name) is not None:
        return True
    try:
        plain = matching.a_label(name.removeprefix("*."))
        return plain.isascii() and bool(name_or_ipv4(plain))
    except PartError:
        return False


def _is_mail(name: str) -> bool:
    return bool(_MAIL.fullmatch(name))


def _paths(output: Path, names: tuple[str, ...], ending: str) -> tuple[Path, Path]:
    stem = files.file_name(names[0] if names else "")
    return output / f"{stem}.{ending}", output / f"{stem}.key"


def _leaf(
    request: CertServer | CertClient, use: Use
) -> tuple[str, Use, tuple[str, ...], KeyKind, int, Path, Path, Path]:
    folder = files.ca_folder(request.ca)
    listed = _listed(request.names, use)
    name = request.names[0] if request.names else ""
    paths = _paths(request.output, request.names, "pem")
    return name, use, listed, request.key, request.days, folder, *paths
