"""Certificates made by code: scripts with the library cryptography, commands of openssl(1)."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from workbench.tls.making import files
from workbench.tls.making.issuing import KeyKind, Use
from workbench.tls.x509 import matching

_HEAD = """\
import datetime
import ipaddress
import os
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

PEM = serialization.Encoding.PEM


def general(name):
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.RFC822Name(name) if "@" in name else x509.DNSName(name)


def named(name):
    return x509.Name([x509.NameAttribute(x509.oid.NameOID.COMMON_NAME, name)])


def digest(key):
    return None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()


"""
_NEW_KEY = """\
key = {make}
with open(os.open({path!r}, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
    file.write(
        key.private_bytes(
            PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
public = key.public_key()
"""
_CA = """\
ca = x509.load_pem_x509_certificate(Path({certificate!r}).read_bytes())
ca_key = serialization.load_pem_private_key(Path({key!r}).read_bytes(), None)
"""
_ISSUE = """\
now = datetime.datetime.now(datetime.timezone.utc)
identifier = x509.SubjectKeyIdentifier.from_public_key(public)
above = {above}
certificate = (
    x509.CertificateBuilder()
    .subject_name(named({name}))
    .issuer_name({issuer})
    .public_key(public)
    .serial_number(x509.random_serial_number())
    .not_valid_before(now - datetime.timedelta(hours=1))
    .not_valid_after(now + datetime.timedelta(days={days}, hours=-1))
    .add_extension(identifier, False)
    .add_extension(
        x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(above), False
    )
    .add_extension(x509.BasicConstraints({is_ca}, None), True)
    .add_extension(
        x509.KeyUsage({not_ca}, False, False, False, False, {is_ca}, {is_ca}, False, False), True
    )
{more})
Path({path!r}).write_bytes(certificate.sign({signer}, digest({signer})).public_bytes(PEM))
"""
_NAMES = "    .add_extension(x509.SubjectAlternativeName([general(one) for one in names]), False)\n"
_USE = (
    "    .add_extension(x509.ExtendedKeyUsage([x509.oid.ExtendedKeyUsageOID.{use}_AUTH]), False)\n"
)
_STAPLE = "    .add_extension(x509.TLSFeature([x509.TLSFeatureType.status_request]), False)\n"
_REQUEST = """\
names = {names!r}
request = x509.CertificateSigningRequestBuilder().subject_name(named(names[0])).add_extension(
    x509.SubjectAlternativeName([general(one) for one in names]), False
)
Path({path!r}).write_bytes(request.sign(key, digest(key)).public_bytes(PEM))
"""
_READ_REQUEST = """\
request = x509.load_pem_x509_csr(Path({path!r}).read_bytes())
if not request.is_signature_valid:
    raise SystemExit("the request is not signed by its own key")
public = request.public_key()
names = {names!r}
if not names:
    asked = request.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    names = [str(one.value) for one in asked]
"""

_CONFIG = r"printf '[req]\ndistinguished_name=dn\n[dn]\n' | openssl req -config /dev/stdin"


def _python_key(kind: KeyKind) -> str:
    if kind == "ed25519":
        return "ed25519.Ed25519PrivateKey.generate()"
    if kind.startswith("rsa"):
        return f"rsa.generate_private_key(65537, {kind.partition('-')[2] or 2048})"
    return f"ec.generate_private_key(ec.SECP{'384' if kind.endswith('384') else '256'}R1())"


def _shell_key(kind: KeyKind) -> str:
    if kind == "ed25519":
        return "-newkey ed25519"
    if kind.startswith("rsa"):
        return f"-newkey rsa:{kind.partition('-')[2] or 2048}"
    return f"-newkey ec -pkeyopt ec_paramgen_curve:P-{'384' if kind.endswith('384') else '256'}"


def _plain(names: Sequence[str]) -> list[str]:
    """Names as a certificate holds them: no brackets, no zone, no letters beyond ASCII."""
    found = []
    for name in names:
        address = matching.read_address(name)
        found.append(str(address or (name if "@" in name else matching.a_label(name))))
    return found


def _alternative(names: Sequence[str]) -> str:
    kinds = []
    for name in _plain(names):
        kind = "IP" if matching.read_address(name) else "email" if "@" in name else "DNS"
        kinds.append(f"{kind}:{name}")
    return ",".join(kinds)


def python(
    name: str,
    use: Use,
    names: Sequence[str],
    kind: KeyKind,
    days: int,
    folder: Path,
    certificate: Path,
    key: Path,
    *,
    staple: bool = False,
) -> str:
    """A script that makes a key and its certificate, the CA's own where `use` says so."""
    ca = use == "ca"
    made = _NEW_KEY.format(make=_python_key(kind), path=str(key))
    if not ca:
        made += _python_ca(folder) + f"names = {_plain(names)!r}\n"
    return (
        _HEAD + made + _python_issue(repr(name[:64]), use, bool(names), staple, days, certificate)
    )


def _python_ca(folder: Path) -> str:
    return _CA.format(
        certificate=str(folder / files.CA_CERTIFICATE), key=str(folder / files.CA_KEY)
    )


def _python_issue(
    name: str, use: Use, names: bool, staple: bool, days: int, certificate: Path
) -> str:
    ca = use == "ca"
    above = "identifier"
    if not ca:
        above = "ca.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value"
    return _ISSUE.format(
        above=above,
        name=name,
        issuer=f"named({name})" if ca else "ca.subject",
        days=days,
        is_ca=ca,
        not_ca=not ca,
        more=_NAMES * names + ("" if ca else _USE.format(use=use.upper())) + _STAPLE * staple,
        path=str(certificate),
        signer="key" if ca else "ca_key",
    )


def shell(
    name: str,
    use: Use,
    names: Sequence[str],
    kind: KeyKind,
    days: int,
    folder: Path,
    certificate: Path,
    key: Path,
    *,
    staple: bool = False,
) -> str:
    """The openssl command that makes a key and its certificate."""
    ca = use == "ca"
    subject = "/CN=" + name[:64].replace("\\", "\\\\").replace("/", "\\/").replace("+", "\\+")
    usage = "keyCertSign,cRLSign" if ca else "digitalSignature"
    words = ["-x509", *_shell_key(kind).split(), "-nodes", "-days", str(days), "-subj", subject]
    words += ["-keyout", str(key), "-out", str(certificate)]
    words += ["-addext", f"basicConstraints=critical,CA:{str(ca).lower()}"]
    words += ["-addext", f"keyUsage=critical,{usage}", "-addext", "subjectKeyIdentifier=hash"]
    words += ["-addext", f"authorityKeyIdentifier=keyid{':always' if ca else ''}"]
    if not ca:
        words += ["-addext", f"extendedKeyUsage={use}Auth"]
        words += ["-CA", str(folder / files.CA_CERTIFICATE), "-CAkey", str(folder / files.CA_KEY)]
    if names:
        words += ["-addext", f"subjectAltName={_alternative(names)}"]
    if staple:
        words += ["-addext", "tlsfeature=status_request"]
    return f"{_CONFIG} -utf8 {shlex.join(words)}"


def python_request(names: Sequence[str], kind: KeyKind, request: Path, key: Path) -> str:
    """A script that makes a key and a request."""
    made = _NEW_KEY.format(make=_python_key(kind), path=str(key))
    return _HEAD + made + _REQUEST.format(names=_plain(names), path=str(request))


def shell_request(names: Sequence[str], kind: KeyKind, request: Path, key: Path) -> str:
    """The openssl command that makes a key and a request."""
    subject = f"/CN={names[0][:64] if names else ''}"
    words = ["-new", *_shell_key(kind).split(), "-nodes", "-subj", subject]
    words += ["-keyout", str(key), "-out", str(request)]
    words += ["-addext", f"subjectAltName={_alternative(names)}"]
    return f"{_CONFIG} -utf8 {shlex.join(words)}"


def python_sign(
    request: str, names: Sequence[str], use: Use, days: int, folder: Path, output: Path
) -> str:
    """A script that signs a request in PEM."""
    path = "/dev/stdin" if request == "-" else request
    read = _READ_REQUEST.format(path=path, names=_plain(names))
    made = _python_issue("names[0][:64]", use, True, False, days, output)
    return _HEAD + read + _python_ca(folder) + made


def shell_sign(
    request: str, names: Sequence[str], use: Use, days: int, folder: Path, output: Path
) -> str:
    """The openssl command that signs a request in PEM, with the names asked for or those given."""
    lines = [
        "basicConstraints=critical,CA:false",
        "keyUsage=critical,digitalSignature",
        f"extendedKeyUsage={use}Auth",
        "subjectKeyIdentifier=hash",
        "authorityKeyIdentifier=keyid",
    ]
    words = ["-out", str(output), "-days", str(days)]
    words += ["-CA", str(folder / files.CA_CERTIFICATE), "-CAkey", str(folder / files.CA_KEY)]
    asked = ""
    if names:
        lines.append(f"subjectAltName={_alternative(names)}")
    else:
        asked = (
            '; openssl req -noout -text <<<"$asked" | sed -n '
            "'/Subject Alternative Name/{n;s/IP Address/IP/g;s/^ */subjectAltName=/p}'"
        )
    written = f"printf '%s\\n' {shlex.join(lines)}{asked}"
    source = "" if request == "-" else " " + shlex.quote(request)
    made = f'openssl x509 -req -in <(echo "$asked") {shlex.join(words)} -extfile <({written})'
    return f"bash -c {shlex.quote(f'asked=$(cat{source}); {made}')}"
