"""The way of a message, and what was found out about its sender."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from workbench.mail_ftp.message.authentication import results, signature, spf
from workbench.mail_ftp.message.path import hops

RECEIVED = [
    " ".join(one)
    for one in (
        ("from mx.b.example (mx.b.example [IPv6:2001:db8::2])",
         "by imap.b.example (Postfix) with LMTP id 3 for <b@b.example>;",
         "Mon, 23 Nov 2026 12:00:09 +0100"),
        ("from out.a.example (unknown [192.0.2.1]) by mx.b.example with ESMTPS id 2 (TLS1.3);",
         "Mon, 23 Nov 2026 11:00:05 +0000 (UTC)"),
        ("by out.a.example (Postfix, from userid 1000) id 1;", "Mon, 23 Nov 2026 11:00:00 GMT"),
    )
]  # fmt: skip
RESULTS = (
    "mx.b.example; dkim=pass (2048-bit key) header.d=a.example header.s=k1; "
    'spf=softfail reason="not listed" smtp.mailfrom=x@a.example; '
    "dmarc=fail header.from=a.example"
)
GOOD = (
    "v=1; a=rsa-sha256; d=a.example; s=k1; i=@mail.a.example;\r\n h=From:To; bh=x=; "
    "b=ab\r\n cd; t=1"
)
BAD = "v=1; a=rsa-sha1; d=a.example; s=k; i=x@evil.example; h=to; bh=x; b=x; l=5; t=9e9"


def test_hops_in_their_order_with_delays() -> None:
    first, second, third = hops(RECEIVED)
    assert (first.by, first.sender, first.delay, first.odd) == ("out.a.example", "", None, "")
    assert (second.sender, second.address, second.delay) == ("out.a.example", "192.0.2.1", 5.0)
    assert second.words == "ESMTP in TLS"
    assert (third.address, third.delay, third.by) == ("2001:db8::2", 4.0, "imap.b.example")


def test_what_does_not_fit_is_said() -> None:
    (_, late) = hops(["from a by b; Mon, 23 Nov 2026 10:00:00 +0000", RECEIVED[2]])
    assert late.delay == -3600.0
    assert "a clock is wrong, or it is forged" in late.odd
    assert "no date" in hops(["from a by b"])[0].odd
    assert "no date" in hops(["from a by b; Mon, 23 Nov 99999999 10:00:00 +0000"])[0].odd
    assert "no date" in hops(["from a by b; Mon, 31 Dec 9999 23:59:59 -2359"])[0].odd
    assert "who received it" in hops(["x; Mon, 23 Nov 2026 10:00:00 +0000"])[0].odd


@given(st.lists(st.text(max_size=120), max_size=4))
def test_any_text_is_survived(texts: list[str]) -> None:
    assert len(hops(texts)) == len(texts)
    for one in results(texts) + spf(texts):
        assert one.words
    for text in texts:
        assert signature(text).record


def test_results_of_a_server() -> None:
    found = results([RESULTS])
    assert [(one.method, one.result, one.bad) for one in found] == [
        ("dkim", "pass", False), ("spf", "softfail", True), ("dmarc", "fail", True),
    ]  # fmt: skip
    assert found[0].server == "mx.b.example"
    assert dict(found[0].properties)["header.d"] == "a.example"
    assert found[1].reason == "not listed"
    assert "domain of the From line" in found[2].words
    (one,) = spf(["pass (mx: ok) client-ip=192.0.2.1; envelope-from=x@a; receiver=mx.b.example;"])
    assert (one.result, one.server) == ("pass", "mx.b.example")


def test_a_signature_is_taken_apart() -> None:
    good = signature(GOOD)
    assert (good.record, good.signed, good.odd) == ("k1._domainkey.a.example", ("from", "to"), ())
    assert good.at is not None
    bad = signature(
        "v=1; a=rsa-sha1; d=a.example; s=k; i=x@evil.example; h=to; bh=x; b=x; l=5; t=9e9"
    )
    words = " ".join(bad.odd)
    for part in ("SHA-1", "unsigned", "From line is not signed", "another domain"):
        assert part in words
