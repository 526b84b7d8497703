"""`dataclass` as `dataclasses` has it, made in a third of the time where it is frozen with slots.

The standard library compiles each method of each class by itself (0.4 ms a class, until Python
3.13). What starts with nearly every command has 70 such classes: here only `__init__` is compiled,
the other methods are closures. Any other kind of dataclass is left to the standard library.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass
else:
    import dataclasses as _standard
    import sys as _sys
    from dataclasses import MISSING, Field, FrozenInstanceError, field
    from operator import attrgetter

    @_standard.dataclass
    class _Sample:
        one: int = 0

    _KIND = _Sample.__dataclass_fields__["one"]._field_type
    _PARAMETERS = {"frozen": True, "slots": True}
    _TO_OTHERS = ("InitVar", "dataclasses.", "KW_ONLY")
    """Beginnings of annotations that are more than a field."""

    def dataclass(cls=None, /, **options):
        """The decorator, with the parameters of `dataclasses.dataclass`."""
        if options != _PARAMETERS or _sys.version_info >= (3, 13):
            return _standard.dataclass(cls, **options)
        return _made if cls is None else _made(cls)

    def _made(cls):
        types = vars(cls).get("__annotations__", {})
        strings = all(isinstance(kind, str) for kind in types.values())
        if not strings or not cls.__doc__ or any(k.startswith(_TO_OTHERS) for k in types.values()):
            return _standard.dataclass(**_PARAMETERS)(cls)
        known = {}
        for base in cls.__mro__[-1:0:-1]:
            known.update(getattr(base, "__dataclass_fields__", {}))
        inherited = {name for base in cls.__mro__[1:] for name in _slots(base)}
        for name, kind in types.items():
            if not kind.startswith(("ClassVar", "typing.ClassVar")):
                known[name] = _field(cls, name, kind)
        body = {
            name: value
            for name, value in cls.__dict__.items()
            if name not in known and name not in ("__dict__", "__weakref__")
        }
        body["__slots__"] = tuple(name for name in known if name not in inherited)
        body["__dataclass_fields__"] = known
        body["__match_args__"] = tuple(
            one.name for one in known.values() if one.init and not one.kw_only
        )
        body["__dataclass_params__"] = _FROZEN
        methods = _methods(known, post="__post_init__" in dir(cls))
        own_hash = body.get("__hash__") is not None
        for name, method in methods.items():
            if name in ("__setattr__", "__delattr__", "__init__") or name not in body:
                body[name] = method
        if not own_hash:
            body["__hash__"] = methods["__hash__"]
        made = type(cls)(cls.__name__, cls.__bases__, body)
        made.__qualname__ = cls.__qualname__
        return made

    def _slots(base):
        found = base.__dict__.get("__slots__", ())
        return (found,) if isinstance(found, str) else found

    def _field(cls, name, kind):
        default = cls.__dict__.get(name, MISSING)
        one = default if isinstance(default, Field) else field(default=default)
        if one.default.__class__.__hash__ is None:
            raise ValueError(f"mutable default for field {name}: use default_factory")
        one.name, one.type, one._field_type = name, kind, _KIND
        if one.kw_only is MISSING:
            one.kw_only = False
        return one

    def _methods(known, *, post):
        every = [one for one in known.values() if one.init]
        words = [_word(one) for one in every if not one.kw_only]
        words += ["*"] * any(one.kw_only for one in every)
        words += [_word(one) for one in every if one.kw_only]
        lines = [f"def __init__({', '.join(['self', *words])}):"]
        values = {"_set": object.__setattr__, "_missing": MISSING}
        for name, one in known.items():
            value = name
            if one.default is not MISSING:
                values[f"_d_{name}"] = one.default
                value = name if one.init else f"_d_{name}"
            elif one.default_factory is not MISSING:
                values[f"_f_{name}"] = one.default_factory
                fresh = f"_f_{name}()"
                value = f"{fresh} if {name} is _missing else {name}" if one.init else fresh
            elif not one.init:
                continue
            lines.append(f" _set(self, {name!r}, {value})")
        lines.append(" self.__post_init__()" if post else " pass")
        exec("\n".join(lines), values)
        return {"__init__": values["__init__"], **_closures(known)}

    def _word(one):
        if one.default is not MISSING:
            return f"{one.name}=_d_{one.name}"
        return one.name if one.default_factory is MISSING else f"{one.name}=_missing"

    def _getter(names):
        if len(names) > 1:
            return attrgetter(*names)
        return (lambda self: (getattr(self, names[0]),)) if names else (lambda self: ())

    def _closures(known):
        every = list(known.values())
        compared = _getter([one.name for one in every if one.compare])
        hashed = _getter(
            [one.name for one in every if (one.compare if one.hash is None else one.hash)]
        )
        shown = [one.name for one in every if one.repr]

        def equal(self, other):
            if other.__class__ is not self.__class__:
                return NotImplemented
            return compared(self) == compared(other)

        def hashes(self):
            return hash(hashed(self))

        def shows(self):
            pairs = ", ".join(f"{name}={getattr(self, name)!r}" for name in shown)
            return f"{self.__class__.__qualname__}({pairs})"

        def sets(self, name, value):
            raise FrozenInstanceError(f"cannot assign to field {name!r}")

        def deletes(self, name):
            raise FrozenInstanceError(f"cannot delete field {name!r}")

        def state_of(self):
            return [getattr(self, name) for name in known]

        def restores(self, state):
            for name, value in zip(known, state, strict=True):
                object.__setattr__(self, name, value)

        return {
            "__eq__": equal, "__hash__": hashes, "__repr__": shows,
            "__setattr__": sets, "__delattr__": deletes,
            "__getstate__": state_of, "__setstate__": restores,
        }  # fmt: skip

    _FROZEN = _standard.dataclass(**_PARAMETERS)(
        type("_Frozen", (), {"__doc__": "Has the parameters.", "__annotations__": {}})
    ).__dataclass_params__
