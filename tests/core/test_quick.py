"""The quick dataclass beside the standard library's: alike in all that can be seen of them."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from dataclasses import FrozenInstanceError, field
from typing import Any, ClassVar

import pytest

from workbench.core import quick


class Slow:
    """Classes that the standard library makes."""


class Quick:
    """The same ones."""


for where, decorator in ((Slow, dataclasses.dataclass), (Quick, quick.dataclass)):

    @decorator(frozen=True, slots=True)
    class Base:
        """A base."""

        kind: ClassVar[str] = "base"
        one: int
        two: str = "two"
        late: float = field(default=1.5, kw_only=True)

    @decorator(frozen=True, slots=True)
    class Made(Base):
        """One that has all there is."""

        three: list[int] = field(default_factory=list)
        hidden: str = field(default="hidden", repr=False, compare=False)
        inner: int = field(init=False, default=7)
        sum: int = field(init=False)
        two: str = "another"

        def __post_init__(self) -> None:
            object.__setattr__(self, "sum", self.one + len(self.three))

    @decorator(frozen=True, slots=True)
    class Owner:
        """One with methods of its own."""

        name: str

        def __eq__(self, other: object) -> bool:
            return True

        def __repr__(self) -> str:
            return "own"

    for made in (Base, Made, Owner):
        made.__module__ = __name__
        made.__qualname__ = f"{where.__name__}.{made.__name__}"
        setattr(where, made.__name__, made)

BOTH = [Slow, Quick]


def seen(where: Any) -> list[Any]:
    """What can be seen of the classes of one kind."""
    first, second = where.Made(1, three=[4], late=2), where.Made(1, "another", [4], "else", late=2)
    base = where.Base(3)
    return [
        repr(first).replace(where.__name__, ""),
        first == second,
        first == base,
        base == where.Base(3, "two"),
        hash(base) == hash(where.Base(3)),
        hash(base) == hash(where.Base(4)),
        [(one.name, one.init, one.kw_only, one.repr) for one in dataclasses.fields(first)],
        dataclasses.asdict(first),
        dataclasses.astuple(dataclasses.replace(base, one=9)),
        where.Made.__match_args__,
        set(where.Made.__slots__),
        where.Base.__slots__,
        hasattr(first, "__dict__"),
        where.Made.kind,
        first.sum,
        where.Made.__doc__,
        where.Made.__dataclass_params__.frozen,
        copy.deepcopy(first) == first,
        pickle.loads(pickle.dumps(first)) == first,
        where.Owner("a") == where.Owner("b"),
        repr(where.Owner("a")),
        hash(where.Owner("a")) == hash(where.Owner("a")),
        where.Made(1).three is where.Made(1).three,
    ]


def test_both_look_alike() -> None:
    assert seen(Quick) == seen(Slow)


@pytest.mark.parametrize("where", BOTH)
def test_what_is_refused(where: Any) -> None:
    made = where.Made(1)
    for name in ("one", "new"):
        with pytest.raises((FrozenInstanceError, TypeError)):
            setattr(made, name, 2)
    with pytest.raises(FrozenInstanceError):
        del made.one
    for arguments in ((), (1, 2, 3, 4, 5)):
        with pytest.raises(TypeError):
            where.Made(*arguments)
    with pytest.raises(TypeError):
        hash(where.Made(1, three=[1]))
    with pytest.raises(ValueError, match="mutable default"):
        quick.dataclass(frozen=True, slots=True)(
            type("Bad", (), {"__annotations__": {"a": "list"}, "a": [], "__doc__": "Bad."})
        )


def test_either_may_stand_on_the_other() -> None:
    for lower, upper in ((Slow, quick), (Quick, dataclasses)):

        @upper.dataclass(frozen=True, slots=True)
        class Upper(lower.Base):  # type: ignore[name-defined, misc]
            """On a base of the other kind."""

            more: str = "more"

        found = Upper(1, more="yes")
        assert dataclasses.asdict(found) == {"one": 1, "two": "two", "late": 1.5, "more": "yes"}
        assert found == Upper(1, more="yes")


def test_others_are_left_to_the_standard_library() -> None:
    @quick.dataclass
    class Plain:
        a: int = 1

    plain = Plain()
    plain.a = 2
    assert plain == Plain(2)
