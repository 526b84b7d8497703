"""The jobs about names beside dig and getent, against a real named on loopback."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.addresses.named import NAMES, Named, named
from tests.cli.program import PATIENCE, events, interrupted, run, started
from workbench.addresses.dns_lookup import Dns
from workbench.addresses.resolve import Resolve
from workbench.addresses.reverse import Reverse
from workbench.addresses.services import Services
from workbench.core.job import Request

pytestmark = pytest.mark.peer(
    "named", "dig", "delv", "dnssec-signzone", "openssl", "socat", "getent"
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Named]:
    with named(tmp_path_factory.mktemp("named")) as one:
        yield one


def outcome(request: Request, *, shell: bool, data: str = "") -> str:
    code = (
        ["sh", "-c", request.as_shell()] if shell else [sys.executable, "-c", request.as_python()]
    )
    found = subprocess.run(
        code, input=data, capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert found.returncode == 0, found.stderr
    return found.stdout


def told(*words: str, data: bytes = b"") -> list[dict[str, Any]]:
    found = run(*words, "--json", data=data)
    assert b"Traceback" not in found.stderr
    return events(found.stdout)


def answer(server: Named, *words: str) -> dict[str, Any]:
    found = told("dns", *words, "--server", server.server)
    assert found[-1]["type"] == "done", found[-1]
    return next(one for one in found if one["type"] == "answer")


def normal(text: str) -> set[str]:
    """Records' data in a form that does not hang on quoting or spaces."""
    return {re.sub(r'[\s"]+', " ", line).strip().lower() for line in text.splitlines()}


ASKED = [
    ("www.test", "A"),
    ("www.test", "AAAA"),
    ("alias.test", "A"),
    ("alias.test", "CNAME"),
    ("test", "MX"),
    ("test", "SOA"),
    ("test", "NS"),
    ("test", "TXT"),
    ("test", "CAA"),
    ("_sip._tcp.test", "SRV"),
    ("any.wild.test", "A"),
    ("big.test", "TXT"),
    ("odd.test", "TYPE65400"),
]


@pytest.mark.parametrize(("name", "kind"), ASKED)
def test_data_is_what_dig_says(server: Named, name: str, kind: str) -> None:
    one = answer(server, name, kind)
    ours = {record["data"] for record in one["answer"]}
    assert normal("\n".join(ours)) == normal(server.dig(name, kind, "+short"))
    assert one["rcode"] == "NOERROR"
    assert "AA" in one["flags"]
    assert one["retried"] is (name == "big.test")


def test_a_name_that_is_not_there(server: Named) -> None:
    one = answer(server, "none.test")
    assert (one["rcode"], one["answer"]) == ("NXDOMAIN", [])
    assert [record["type"] for record in one["authority"]] == ["SOA"]
    assert answer(server, "mail.test", "AAAA")["rcode"] == "NOERROR"


def test_every_transport_answers_alike(server: Named) -> None:
    where = {
        "udp": [server.server],
        "tcp": [f"tcp://{server.server}"],
        "dot": [f"tls://127.0.0.1:{server.dot}", "--ca", str(server.ca)],
        "doh": [f"https://127.0.0.1:{server.doh}/dns-query", "--ca", str(server.ca)],
    }
    said = set()
    for transport, words in where.items():
        (one,) = [x for x in told("dns", "big.test", "TXT", "--server", *words) if "answer" in x]
        assert one["transport"] == ("tcp" if transport == "udp" else transport)
        assert any("one of the tests" in line for line in one["edns"])
        said.add(frozenset(record["data"] for record in one["answer"]))
    assert [len(one) for one in said] == [30]


@pytest.mark.parametrize("scheme", ["tls", "https"])
def test_a_certificate_is_judged(server: Named, scheme: str) -> None:
    port = server.dot if scheme == "tls" else server.doh
    words = ["dns", "www.test", "--server", f"{scheme}://127.0.0.1:{port}"]
    assert "not trusted" in told(*words)[-1]["cause"]
    assert told(*words, "--insecure")[-1]["type"] == "done"


def test_a_wrong_path_says_so(server: Named) -> None:
    words = ["--server", f"https://127.0.0.1:{server.doh}/wrong", "--insecure"]
    assert "HTTP 404" in told("dns", "www.test", *words)[-1]["cause"]


def test_servers_that_differ_are_marked(server: Named) -> None:
    lame = server.server.replace("127.0.0.1", "127.0.0.3")
    found = told("dns", "www.plain.test", "--server", server.server, "--server", lame)
    (marked,) = [one for one in found if one["type"] == "servers-differ"]
    assert marked["rcodes"] == ["NOERROR", "REFUSED"]
    assert marked["only_here"] == ["A 192.0.2.3"]


def test_records_are_read_in_words(server: Named) -> None:
    def words(*asked: str) -> str:
        return " ".join(one["words"] for one in answer(server, *asked)["answer"])

    assert "refuse everybody else" in words("test", "TXT")
    assert "mail that fails: refuse it" in words("_dmarc.test", "TXT")
    assert "ca.example may issue certificates" in words("test", "CAA")
    assert "port 5060" in words("_sip._tcp.test", "SRV")
    assert "protocols h2,h3; port 8443" in words("svc.test", "HTTPS")
    assert "preference 10" in words("test", "MX")


def test_names_in_other_letters(server: Named) -> None:
    assert answer(server, "münchen.test")["answer"][0]["data"] == "192.0.2.77"
    found = told("dns", "xn--mnchen-3ya.test", "--server", server.server)
    assert "münchen.test" in found[0]["text"]


def test_an_address_is_asked_in_reverse(server: Named) -> None:
    assert answer(server, "192.0.2.1")["answer"][0]["data"] == "www.test."


def test_reverse_is_confirmed_forward(server: Named) -> None:
    found = told("reverse", "192.0.2.1", "192.0.2.7", "192.0.2.8", "--server", server.server)
    names = {one["address"]: one for one in found if one["type"] == "reversed"}
    assert (names["192.0.2.1"]["name"], names["192.0.2.1"]["confirmed"]) == ("www.test", True)
    assert not names["192.0.2.7"]["confirmed"]
    assert [one["address"] for one in found if one["type"] == "nameless"] == ["192.0.2.8"]


def test_a_list_is_resolved_at_once_and_failures_go_by(server: Named, tmp_path: Path) -> None:
    names = [f"n{one}.test" for one in range(NAMES)]
    file = tmp_path / "names"
    bad = ["gone.test", "a..b", "x" * 70 + ".test"]
    file.write_text("\n".join(["# a list", *bad, *names]))
    words = ["resolve", "--file", str(file), "--server", server.server, "--family", "4"]
    found = told(*words)
    good = {
        one["name"]: one["addresses"][0]["address"] for one in found if one["type"] == "resolved"
    }
    assert good == {f"n{one}.test": f"10.0.{one // 256}.{one % 256}" for one in range(NAMES)}
    assert {one["name"] for one in found if one["type"] == "unresolved"} == set(bad)
    assert found[-1]["type"] == "done"
    data = file.read_bytes()
    piped = told("resolve", "-", "--server", server.server, "--family", "4", data=data)
    assert len(piped) == len(found)


def test_the_hosts_file_is_named_where_the_system_differs(server: Named) -> None:
    found = told("resolve", "localhost", "--server", server.server)
    (marked,) = [one for one in found if one["type"] == "differs"]
    assert "/etc/hosts" in marked["why"]
    assert any(word in marked["only_system"] for word in ("127.0.0.1", "::1"))


@pytest.mark.parametrize("shell", [False, True])
def test_services_as_code(shell: bool) -> None:
    for word in ("https", "443/tcp", "icmp"):
        said = run("services", word).stdout.decode()
        number = "443" if word != "icmp" else "1"
        assert re.search(rf"\b{number}\b", said), said
        assert re.search(rf"\b{number}\b", outcome(Services((word,)), shell=shell))


@pytest.mark.parametrize("shell", [False, True])
def test_resolve_as_code(server: Named, shell: bool) -> None:
    own = told("resolve", "localhost", "--how", "system", "--family", "4")[0]["addresses"]
    code = outcome(Resolve(("localhost",), family="4"), shell=shell)
    assert own[0]["address"] in code
    if shell:
        asked = Resolve(("www.test",), server=(server.server,), family="6")
        assert "2001:db8::1" in outcome(asked, shell=True)


@pytest.mark.parametrize("shell", [False, True])
def test_reverse_as_code(server: Named, shell: bool) -> None:
    request = Reverse(("192.0.2.1",), server=(server.server,))
    if shell:
        assert "www.test." in outcome(request, shell=True)
    else:
        assert "127.0.0.1" in outcome(Reverse(("127.0.0.1",)), shell=False)


def test_dns_over_https_as_shell(server: Named) -> None:
    where = f"https://127.0.0.1:{server.doh}/dns-query"
    for more in ({"ca": server.ca}, {"insecure": True}):
        request = Dns("big.test", "TXT", server=(where,), **more)
        assert outcome(request, shell=True).count("x" * 200) == 30


@pytest.mark.parametrize("shell", [False, True])
@pytest.mark.parametrize("how", ["udp", "tcp", "dot"])
def test_dns_as_code(server: Named, shell: bool, how: str) -> None:
    where = f"tls://127.0.0.1:{server.dot}" if how == "dot" else server.server
    request = Dns("big.test", "TXT", server=(where,), tcp=how == "tcp", ca=server.ca)
    code = outcome(request, shell=shell)
    assert code.count("x" * 200) == 30


PROOFS = [
    ("www.test", "A", "secure", ""),
    ("www.test", "MX", "secure", "MX is not among them"),
    ("none.test", "A", "secure", "NSEC3 covers it"),
    ("any.wild.test", "A", "secure", "no closer name is there"),
    ("alias.test", "A", "secure", "alias.test. CNAME"),
    ("none", "A", "secure", "NSEC covers it"),
    ("www.plain.test", "A", "insecure", "delegated without a DS"),
    ("www.old.test", "A", "bogus", "expired at 2020-02-01"),
    ("www.broken.test", "A", "bogus", "no matching key"),
]
DELV = {"secure": "fully validated", "insecure": "unsigned answer", "bogus": "resolution failed"}


@pytest.mark.parametrize(("name", "kind", "verdict", "says"), PROOFS)
def test_the_proof_is_what_delv_says(
    server: Named, tmp_path: Path, name: str, kind: str, verdict: str, says: str
) -> None:
    words = ["--server", server.server, "--dnssec", "--anchor", str(server.anchor)]
    found = told("dns", name, kind, *words)
    (proven,) = [one for one in found if one["type"] == "dnssec"]
    assert proven["verdict"] == verdict
    assert says in json.dumps(found)
    assert found[-1]["type"] == ("failed" if verdict == "bogus" else "done")

    line = next(one for one in server.anchor.read_text().splitlines() if " DNSKEY " in one)
    numbers = line.split(" DNSKEY ")[1].split()
    anchor = tmp_path / "anchor"
    text = f'. static-key {" ".join(numbers[:3])} "{"".join(numbers[3:])}";'
    anchor.write_text(f"trust-anchors {{ {text} }};")
    where = ["@127.0.0.1", "-p", str(server.port), "-a", str(anchor), "+root"]
    delv = subprocess.run(
        ["delv", *where, name, kind], capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert DELV[verdict] in delv.stdout + delv.stderr


def test_another_anchor_proves_nothing(server: Named) -> None:
    other = server.anchor.with_name("ksk.test")
    words = ["--server", server.server, "--dnssec"]
    found = told("dns", "www.test", "A", *words, "--anchor", str(other))
    assert [one["verdict"] for one in found if one["type"] == "dnssec"] == ["secure"]
    found = told("dns", "none", "A", *words, "--anchor", str(other))
    assert [one["verdict"] for one in found if one["type"] == "dnssec"] == ["indeterminate"]
    found = told("dns", "www.test", "A", *words)  # the real root did not sign this one
    assert [one["verdict"] for one in found if one["type"] == "dnssec"] == ["bogus"]


def test_a_trace_goes_down_and_names_a_lame_server(server: Named) -> None:
    words = ["--trace", "--root", server.server]
    found = told("dns", "www.child.plain.test", "A", *words)
    assert [one["to"] for one in found if one["type"] == "referral"] == ["child.plain.test."]
    (one,) = [one for one in found if one["type"] == "answer"]
    assert one["server"].startswith("udp://127.0.0.2:")
    assert one["answer"][0]["data"] == "192.0.2.4"
    found = told("dns", "www.lame.plain.test", "A", *words)
    assert [one["code"] for one in found if one["type"] == "unanswered"] == ["lame"]
    assert found[-1]["type"] == "failed"


def test_a_flood_of_wrong_answers_is_passed_over() -> None:
    """Another id, another question, garbage, elsewhere; then the right answer counts."""
    import socket

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as liar:
        liar.bind(("127.0.0.1", 0))
        port = liar.getsockname()[1]

        def lie() -> None:
            asked, peer = liar.recvfrom(4096)
            head = asked[:2] + b"\x84\x00\x00\x01\x00\x01\x00\x00\x00\x00"
            end = asked.index(0, 12) + 5
            good = (
                head
                + asked[12:end]
                + b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x09\x00\x04\x7f\x09\x09\x09"
            )
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
                other.sendto(good, peer)
            for bad in (b"", b"garbage", bytes([asked[0] ^ 1]) + good[1:], asked):
                liar.sendto(bad, peer)
            liar.sendto(good.replace(b"\x03www", b"\x03wwx"), peer)
            liar.sendto(good, peer)

        thread = threading.Thread(target=lie)
        thread.start()
        found = told("dns", "www.test", "A", "--server", f"127.0.0.1:{port}")
        thread.join()
    (one,) = [x for x in found if x["type"] == "answer"]
    assert [record["data"] for record in one["answer"]] == ["127.9.9.9"]
    assert one["ignored"] == 5


def test_a_list_is_cancelled_at_once(tmp_path: Path) -> None:
    import socket

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        port = silent.getsockname()[1]
        file = tmp_path / "names"
        file.write_text("\n".join(f"n{one}.test" for one in range(NAMES)))
        words = ["resolve", "--file", str(file), "--server", f"127.0.0.1:{port}", "--json"]
        with started([*words, "--timeout", "3600"]) as child:
            silent.recvfrom(4096)
            status, rest = interrupted(child)
    assert status == 130
    assert events(rest)[-1]["code"] == "cancelled"


def test_nobody_answers() -> None:
    import socket

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        port = silent.getsockname()[1]
        words = ["--server", f"127.0.0.1:{port}", "--timeout", "0.3"]
        assert "no answer" in json.dumps(told("dns", "www.test", *words)[-1])
        found = told("resolve", "a.test", "--how", "dns", *words)
        assert found[0]["type"] == "unresolved"
        assert found[-1]["type"] == "failed"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["dns", "www.test", "NOTYPE"], "no record type"),
        (["dns", "a..b", "--server", "127.0.0.1:1"], "is no name"),
        (["dns", "x", "--server", "ftp://h"], "not spoken over ftp"),
        (["reverse", "what"], "is no address"),
        (["resolve"], "no name was given"),
        (["services", "no such thing"], "nothing is called"),
    ],
)
def test_bad_input_is_one_line(words: list[str], says: str) -> None:
    found = run(*words)
    assert found.returncode == 1
    assert says in found.stderr.decode()
    assert len(found.stderr.splitlines()) == 1
