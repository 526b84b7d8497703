"""A real named on loopback: a signed root, signed, expired and delegated zones, a lame server.

Everything lives below a root of its own; nothing leaves 127.0.0.0/8.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

PATIENCE = 60.0
NAMES = 1_000

ROOT = """\
$TTL 300
@ SOA ns.test. admin.test. 1 3600 900 86400 300
@ NS ns.test.
ns.test. A 127.0.0.1
test. NS ns.test.
plain.test. NS ns.test.
"""
ZONE = """\
$TTL 300
@ SOA ns.test. admin.test. 1 3600 900 86400 300
@ NS ns
ns A 127.0.0.1
www A 192.0.2.1
www A 192.0.2.2
www AAAA 2001:db8::1
alias CNAME www
@ MX 10 mail
@ MX 20 backup
mail A 192.0.2.25
@ TXT "v=spf1 mx ip4:192.0.2.0/24 -all"
_dmarc TXT "v=DMARC1; p=reject; rua=mailto:a@test"
@ CAA 0 issue "ca.example"
_sip._tcp SRV 1 2 5060 www
svc HTTPS 1 . alpn="h2,h3" port=8443 ipv4hint=192.0.2.1
odd TYPE65400 \\# 3 010203
*.wild A 192.0.2.9
xn--mnchen-3ya A 192.0.2.77
"""
PLAIN = """\
$TTL 300
@ SOA ns.test. admin.test. 1 3600 900 86400 300
@ NS ns.test.
www A 192.0.2.3
child NS ns.child
ns.child A 127.0.0.2
lame NS ns.lame
ns.lame A 127.0.0.3
"""
CHILD = """\
$TTL 300
@ SOA ns admin 1 3600 900 86400 300
@ NS ns
ns A 127.0.0.2
www A 192.0.2.4
"""
REVERSE = """\
$TTL 300
@ SOA ns.test. admin.test. 1 3600 900 86400 300
@ NS ns.test.
1 PTR www.test.
7 PTR elsewhere.test.
"""


@dataclass(frozen=True, slots=True)
class Named:
    """Where it answers: UDP and TCP at `port`, TLS at `dot`, HTTPS at `doh`; files for trust."""

    port: int
    dot: int
    doh: int
    anchor: Path
    ca: Path

    @property
    def server(self) -> str:
        """As `--server` takes it."""
        return f"127.0.0.1:{self.port}"

    def dig(self, *words: str) -> str:
        """What dig says."""
        where = ["@127.0.0.1", "-p", str(self.port)]
        return subprocess.run(
            ["dig", *where, *words], capture_output=True, text=True, timeout=PATIENCE, check=True
        ).stdout


def free_port() -> int:
    """A port that is free for TCP and UDP on the addresses that are used."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


def tool(folder: Path, *words: str) -> str:
    ran = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, (words, ran.stderr)
    return ran.stdout


def sign(folder: Path, zone: str, text: str, *more: str) -> list[str]:
    """Sign a zone into db.ZONE.signed; returns its DS records, and leaves its KSK in ksk.ZONE."""
    name = zone or "."
    file = f"db.{zone or 'root'}"
    keys = []
    for flags in ([], ["-f", "KSK"]):
        made = tool(folder, "dnssec-keygen", "-a", "ECDSAP256SHA256", *flags, name).strip()
        keys.append(made)
        text += f"$INCLUDE {made}.key\n"
    (folder / file).write_text(text)
    tool(folder, "dnssec-signzone", "-o", name, "-f", file + ".signed", *more, file, *keys)
    (folder / f"ksk.{zone or 'root'}").write_text((folder / f"{keys[1]}.key").read_text())
    return tool(folder, "dnssec-dsfromkey", f"{keys[1]}.key").splitlines()


def write_zones(folder: Path) -> None:
    """All zones: test (NSEC3), old.test (expired), broken.test (DS of no key), plain ones."""
    many = "".join(f"n{one} A 10.0.{one // 256}.{one % 256}\n" for one in range(NAMES))
    many += "".join(f'big TXT "{one:03} {"x" * 200}"\n' for one in range(30))
    old = sign(
        folder,
        "old.test",
        CHILD.replace("127.0.0.2", "127.0.0.1"),
        "-P",
        "-s",
        "20200101000000",
        "-e",
        "20200201000000",
    )
    broken = sign(folder, "broken.test", CHILD.replace("127.0.0.2", "127.0.0.1"))
    digest = broken[0].split()[-1]
    wrong = broken[0].replace(digest, "00" * (len(digest) // 2))
    below = "old NS ns\nbroken NS ns\nplain NS ns\n" + "\n".join([*old, wrong]) + "\n"
    ds = sign(folder, "test", ZONE + many + below, "-3", "abcd", "-H", "0")
    root = ROOT.replace("plain.test. NS ns.test.\n", "") + "\n".join(ds) + "\n"
    sign(folder, "", root)
    (folder / "db.plain.test").write_text(PLAIN)
    (folder / "db.child.plain.test").write_text(CHILD)
    (folder / "db.2.0.192.in-addr.arpa").write_text(REVERSE)


def certificate(folder: Path) -> None:
    tool(
        folder,
        *["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt"],
        *["ec_paramgen_curve:P-256", "-nodes", "-days", "2"],
        *["-keyout", "key.pem", "-out", "cert.pem", "-subj", "/CN=localhost"],
        *["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"],
        *["-addext", "keyUsage=digitalSignature,keyCertSign"],
    )


def zone(name: str, file: str) -> str:
    return f'zone "{name}" {{ type primary; file "{file}"; }};\n'


def configuration(folder: Path, name: str, ports: tuple[int, int, int], zones: str) -> str:
    port, dot, doh = ports
    secure = dot and (
        f"listen-on port {dot} tls mine {{ 127.0.0.1; }};\n"
        f"listen-on port {doh} tls mine http local {{ 127.0.0.1; }};"
    )
    return f"""
tls mine {{ key-file "key.pem"; cert-file "cert.pem"; }};
http local {{ endpoints {{ "/dns-query"; }}; }};
options {{
  directory "{folder}"; pid-file "{folder}/{name}.pid"; session-keyfile "{folder}/{name}.key";
  listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }};
  {secure or ""}
  recursion no; dnssec-validation no; notify no; allow-query {{ any; }};
  minimal-responses yes; server-id "one of the tests"; cookie-algorithm siphash24;
}};
controls {{ }};
{zones}
"""


@contextmanager
def one_named(folder: Path, name: str, port: int, text: str) -> Iterator[None]:
    config = folder / f"{name}.conf"
    config.write_text(text)
    with (folder / f"{name}.log").open("wb") as log:
        child = subprocess.Popen(
            ["named", "-g", "-n", "1", "-c", str(config)], stdout=log, stderr=log, cwd=folder
        )
    try:
        end = time.monotonic() + PATIENCE
        while True:
            assert child.poll() is None, (folder / f"{name}.log").read_text()[-2000:]
            assert time.monotonic() < end, "named did not start"
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                time.sleep(0.05)
        yield
    finally:
        child.terminate()
        child.wait(PATIENCE)


@contextmanager
def forwarded(address: str, port: int, to: int) -> Iterator[None]:
    """Another address of loopback: named itself listens only on those of an interface."""
    words = [f"UDP-RECVFROM:{port},bind={address},fork", f"UDP:127.0.0.1:{to}"]
    child = subprocess.Popen(["socat", "-T", "5", *words], start_new_session=True)
    try:
        yield
    finally:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait(PATIENCE)


@contextmanager
def named(folder: Path) -> Iterator[Named]:
    """Start them: everything on 127.0.0.1, the child on 127.0.0.2, a lame server on 127.0.0.3."""
    write_zones(folder)
    certificate(folder)
    port, dot, doh = free_port(), free_port(), free_port()
    own = zone(".", "db.root.signed")
    own += "".join(zone(one, f"db.{one}.signed") for one in ("test", "old.test", "broken.test"))
    own += "".join(zone(one, f"db.{one}") for one in ("plain.test", "2.0.192.in-addr.arpa"))
    child, lame = free_port(), free_port()
    with ExitStack() as stack:
        for name, ports, zones in (
            ("main", (port, dot, doh), own),
            ("child", (child, 0, 0), zone("child.plain.test", "db.child.plain.test")),
            ("lame", (lame, 0, 0), ""),
        ):
            stack.enter_context(
                one_named(folder, name, ports[0], configuration(folder, name, ports, zones))
            )
        stack.enter_context(forwarded("127.0.0.2", port, child))
        stack.enter_context(forwarded("127.0.0.3", port, lame))
        yield Named(port, dot, doh, folder / "ksk.root", folder / "cert.pem")
