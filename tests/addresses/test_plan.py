"""The tree of blocks: steps, undo, rows of what is open, and its text."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.addresses.plan import Block, Plan, PlanError, Want, block_of


def shown(plan: Plan, start: int = 0, limit: int | None = None) -> list[str]:
    return [
        f"{'  ' * row.depth}{'free ' if row.free else ''}{row.block} {row.name}".rstrip()
        for row in plan.rows(start, limit)
    ]


def test_split_name_join_undo() -> None:
    plan = Plan("10.0.0.0/24")
    plan.split("10.0.0.0/24", 26)
    plan.name("10.0.0.64/26", "lab")
    before = plan.dump()
    assert shown(plan) == [
        "10.0.0.0/24",
        "  10.0.0.0/26",
        "  10.0.0.64/26 lab",
        "  10.0.0.128/26",
        "  10.0.0.192/26",
    ]
    plan.join("10.0.0.0/24")
    assert shown(plan) == ["10.0.0.0/24"]
    assert plan.undo()
    assert plan.dump() == before
    assert plan.redo()
    assert shown(plan) == ["10.0.0.0/24"]
    assert not plan.redo()
    while plan.undo():
        pass
    assert plan.dump() == "10.0.0.0/24\n"


def test_a_split_that_is_too_large_to_list_is_paged() -> None:
    plan = Plan("2001:db8::/32")
    plan.split("2001:db8::/32", 128)
    plan.name("2001:db8::ffff/128", "far")
    plan.add("10.0.0.0/8")
    plan.split("10.0.0.0/8", 32)
    assert plan.count() == 2 + (1 << 96) + (1 << 24)
    # IPv4 stands before IPv6.
    assert shown(plan, 1 << 24, 3) == [
        "  10.255.255.255/32",
        "2001:db8::/32",
        "  2001:db8::/128",
    ]
    assert shown(plan, (1 << 24) + 2 + 0xFFFE, 3) == [
        "  2001:db8::fffe/128",
        "  2001:db8::ffff/128 far",
        "  2001:db8::1:0/128",
    ]
    assert shown(plan, plan.count() - 1, 5) == ["  2001:db8:ffff:ffff:ffff:ffff:ffff:ffff/128"]
    assert plan.dump().count("\n") == 3
    assert plan.parent("10.0.0.9/32") == block_of("10.0.0.0/8")


def test_closed_rows_are_left_out() -> None:
    plan = Plan("10.0.0.0/24")
    plan.split("10.0.0.0/24", 25)
    plan.split("10.0.0.0/25", 26)
    assert len(shown(plan)) == plan.count() == 5
    assert not plan.toggle("10.0.0.0/25")
    assert shown(plan) == ["10.0.0.0/24", "  10.0.0.0/25", "  10.0.0.128/25"]
    assert plan.count() == 3


@pytest.mark.parametrize(
    ("step", "why"),
    [
        (lambda plan: plan.split("10.0.0.0/24", 24), "25 to 32"),
        (lambda plan: plan.split("10.0.0.0/24", 33), "25 to 32"),
        (lambda plan: plan.split("10.0.0.0/23", 24), "not in the plan"),
        (lambda plan: plan.split("10.0.0.1/24", 26), "host bits"),
        (lambda plan: plan.join("10.0.0.0/24"), "one piece"),
        (lambda plan: plan.name("10.0.0.0/25", "x"), "no part"),
        (lambda plan: plan.name("10.0.0.0/24", "a\nb"), "one line"),
        (lambda plan: plan.add("10.0.0.0/8"), "overlaps"),
        (lambda plan: plan.allot("10.0.0.0/24", [Want("big", 255)]), "no room"),
    ],
)
def test_a_step_that_cannot_be_taken_changes_nothing(step: object, why: str) -> None:
    plan = Plan("10.0.0.0/24")
    with pytest.raises(PlanError, match=why):
        step(plan)  # type: ignore[operator]
    assert plan.dump() == "10.0.0.0/24\n"
    assert not plan.undo()


@pytest.mark.parametrize(
    ("want", "family", "size"),
    [
        (Want("a", 0), 4, 2),
        (Want("a", 1), 4, 4),
        (Want("a", 2), 4, 4),
        (Want("a", 3), 4, 8),
        (Want("a", 6), 4, 8),
        (Want("a", 7), 4, 16),
        (Want("a", 254), 4, 256),
        (Want("a", 255), 4, 512),
        (Want("a", prefix=31), 4, 2),
        (Want("a", 5), 6, 1 << 64),
        (Want("a", prefix=127), 6, 2),
    ],
)
def test_how_large_a_block_is_wanted(want: Want, family: int, size: int) -> None:
    assert want.size(family) == size


@given(st.lists(st.integers(1, 200), max_size=12))
def test_allot_keeps_all_apart(hosts: list[int]) -> None:
    plan = Plan("10.0.0.0/22")
    wants = [Want(f"n{number}", count) for number, count in enumerate(hosts)]
    total = sum(one.size(4) for one in wants)
    if total > 1024:
        # Blocks of powers of two, the largest first, fill a block to its end.
        with pytest.raises(PlanError, match="no room"):
            plan.allot("10.0.0.0/22", wants)
        return
    placed = plan.allot("10.0.0.0/22", wants)
    parts = [ipaddress.ip_network(str(one)) for one in placed.values()]
    free = [ipaddress.ip_network(str(row.block)) for row in plan.rows() if row.free]
    if parts:
        assert list(ipaddress.collapse_addresses(parts + free)) == [  # type: ignore[type-var]
            ipaddress.ip_network("10.0.0.0/22")
        ]
        assert sum(one.num_addresses for one in parts + free) == 1024
    for want in wants:
        assert placed[want.name].size - 2 >= want.hosts


TEXT = """\
# what the office has

10.0.0.0/16  office
  # the cable ends here
  10.0.0.0/24  hosts=200  lan  # upstairs
  10.0.1.0/24  split=/26
    10.0.1.64/26  dmz
  10.0.8.0/21  "# 1"
2001:db8::/32  site
# the end
"""


def test_the_text_is_kept() -> None:
    plan = Plan.load(TEXT)
    assert plan.dump() == TEXT
    node = plan.find("10.0.0.0/24")
    assert node is not None
    assert (node.name, node.hosts, node.comment) == ("lan", 200, "upstairs")
    assert shown(plan)[:8] == [
        "10.0.0.0/16 office",
        "  10.0.0.0/24 lan",
        "  10.0.1.0/24",
        "    10.0.1.0/26",
        "    10.0.1.64/26 dmz",
        "    10.0.1.128/26",
        "    10.0.1.192/26",
        "  free 10.0.2.0/23",
    ]
    assert Plan.load("\ufeff" + TEXT.replace("\n", "\r\n").replace("  ", "\t")).dump() == TEXT


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("10.0.0.0/24\n  10.0.1.0/25", "line 2: .* no part of it"),
        ("10.0.0.0/24\n\nx", "line 3: "),
        ("10.0.0.1/24", "line 1: .*host bits"),
        ("10.0.0.0/24\n10.0.0.0/25", "line 2: "),
        ("10.0.0.0/24\n10.0.0.128/25", "line 2: .*indent"),
        ("10.1.0.0/24\n10.0.0.0/24", "line 2: .*before"),
        ("10.0.0.0/24 split=/26\n  10.0.0.0/25", "line 2: .*split in /26"),
        ("10.0.0.0/24 split=/8", "line 1: .*cannot be split"),
        ('10.0.0.0/24 "a', "line 1: .*quote"),
        ('10.0.0.0/24 "a" b', "line 1: .*comment"),
        ("10.0.0.0/24 a\x1b[31mb", "line 1: .*printable"),
        ("10.0.0.0/24 " + "a" * 300, "line 1: .*200"),
        ("10.0.0.0/24 " + "a" * 3000, "line 1: longer"),
        ("\n" * 300_000, "line 200001: "),
        ("10.0.0.0/24 hosts=" + "9" * 40, "line 1: more hosts"),
    ],
)
def test_a_text_that_is_no_plan(text: str, why: str) -> None:
    with pytest.raises(PlanError, match=why) as caught:
        Plan.load(text)
    assert "\n" not in str(caught.value)


names = st.text(max_size=20).map(str.strip).filter(str.isprintable)


@given(st.data())
def test_any_steps_come_back_from_text_and_from_undo(data: st.DataObject) -> None:
    plan = Plan("10.0.0.0/24", "2001:db8::/60")
    dumps = [plan.dump()]
    for _ in range(data.draw(st.integers(0, 12))):
        rows = list(plan.rows(0, 100))
        row = data.draw(st.sampled_from(rows))
        action = data.draw(st.sampled_from(["split", "join", "name", "allot"]))
        try:
            if action == "split":
                plan.split(row.block, row.block.prefix + data.draw(st.integers(1, 6)))
            elif action == "join":
                plan.join(row.block)
            elif action == "name":
                plan.name(row.block, data.draw(names))
            else:
                want = Want(
                    data.draw(names), prefix=row.block.prefix + data.draw(st.integers(1, 3))
                )
                plan.allot(row.block, [want])
        except PlanError:
            assert plan.dump() == dumps[-1]
            continue
        dumps.append(plan.dump())
        assert Plan.load(dumps[-1]).dump() == dumps[-1]
        whole = list(plan.rows())
        assert len(whole) == plan.count()
        start = data.draw(st.integers(0, len(whole)))
        limit = data.draw(st.integers(0, 10))
        assert list(plan.rows(start, limit)) == whole[start : start + limit]
    for before in reversed(dumps[:-1]):
        assert plan.undo()
        assert plan.dump() == before
    for after in dumps[1:]:
        assert plan.redo()
        assert plan.dump() == after


@given(st.text(alphabet='0123456789./:ab \t\n#"=hostsplit', max_size=200))
def test_any_text(text: str) -> None:
    try:
        plan = Plan.load(text)
    except PlanError:
        return
    assert Plan.load(plan.dump()).dump() == plan.dump()


def test_blocks_are_written_with_their_prefix() -> None:
    assert str(Block(4, 1, 32)) == "0.0.0.1/32"
    assert str(block_of("::1")) == "::1/128"
