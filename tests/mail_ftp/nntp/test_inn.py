"""nntp against INN."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.cli.program import run
from tests.mail_ftp.nntp.inn import INND, inn
from tests.mail_ftp.nntp.test_job import session
from workbench.core.endpoint import Endpoint
from workbench.mail_ftp.nntp.answer import answer_to, new_article
from workbench.mail_ftp.nntp.job import (
    ArticleRead,
    Headline,
    ListGroups,
    NewsGroup,
    NewsRequest,
    OpenGroup,
    PostArticle,
    Posted,
    ReadArticle,
    Refused,
)


@pytest.fixture(scope="module")
def server() -> Iterator[Endpoint]:
    with inn() as end:
        yield end


def article(subject: str, text: str) -> bytes:
    """As the pane begins it, filled in."""
    draft, _ = new_article("a.test", "J\u00fcrgen Me <me@example.org>")
    whole = draft.replace("Subject: ", f"Subject: {subject}") + text
    return whole.replace("\n", "\r\n").encode()


@pytest.mark.peer(INND)
def test_a_session_with_inn(server: Endpoint) -> None:
    with session(NewsRequest(endpoint=server, filter="*.*,!control.*")) as one:

        def all_of(kind: type) -> list[object]:
            return [event for event in one.events if isinstance(event, kind)]

        one.until(lambda: len(all_of(NewsGroup)) == 2)
        groups = {group.name: group for group in one.events if isinstance(group, NewsGroup)}
        assert groups["a.test"].description == "For trying"
        assert groups["b.moderated"].posting == "m"
        one.tell(PostArticle(article("first", "text\n.dot\n..\n")))
        one.until(lambda: len(all_of(Posted)) == 1)
        one.tell(OpenGroup("a.test"))
        one.until(lambda: len(all_of(Headline)) == 1)
        one.tell(ReadArticle("1"))
        one.until(lambda: len(all_of(ArticleRead)) == 1)
        first = next(event for event in one.events if isinstance(event, ArticleRead))
        assert first.data.endswith(b"\r\n\r\ntext\r\n.dot\r\n..\r\n")
        draft, _ = answer_to(first.data, "you <you@example.org>")
        one.tell(PostArticle((draft + "an answer\n").replace("\n", "\r\n").encode()))
        one.until(lambda: len(all_of(Posted)) == 2)
        one.tell(PostArticle(article("second", "text\n")))
        one.until(lambda: len(all_of(Posted)) == 3)
        before = len(all_of(Headline))
        one.tell(OpenGroup("a.test"))
        one.until(lambda: len(all_of(Headline)) == before + 3)
        lines = [event for event in one.events if isinstance(event, Headline)][before:]
        assert [(line.number, line.depth) for line in lines] == [(1, 0), (2, 1), (3, 0)]
        one.tell(PostArticle(article("x", "text\n").replace(b"a.test", b"no.such")))
        one.tell(OpenGroup("no.such"))
        one.until(lambda: len(all_of(Refused)) == 2)
        one.tell(ListGroups("nothing.*"))
        one.tell(ReadArticle(first.id))
        one.until(lambda: len(all_of(ArticleRead)) == 2)


@pytest.mark.peer(INND)
def test_the_command_line_with_inn(server: Endpoint) -> None:
    found = run("nntp", str(server), "--filter", "a.*")
    assert found.stdout.split()[0] == b"a.test", found.stderr
    posted = run("nntp", str(server), "--post", "-", data=article("by pipe", "text\n"))
    assert b"posted: " in posted.stdout, posted.stderr
    assert b"by pipe" in run("nntp", f"{server}/a.test").stdout
    assert b"(411)" in run("nntp", f"{server}/no.such").stderr
