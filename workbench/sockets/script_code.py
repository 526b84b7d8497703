"""A script as code: Python on socketserver, and a shell behind socat."""

from __future__ import annotations

import shlex
from collections.abc import Iterable

from workbench.core.endpoint import Endpoint
from workbench.servers.ways import How
from workbench.sockets.script_file import Script, Step
from workbench.sockets.script_glob import Glob
from workbench.sockets.simple import DATAGRAMS, Code, as_python, as_socat

_PLAY = """
OPENING = {opening}
RULES = {rules}
OTHERWISE = {otherwise}


class Again(Exception):
    pass


def steps_for(line):
    for pattern, steps in RULES:
        match = re.fullmatch(pattern, line, re.DOTALL)
        if match:
            return steps, [line, *match.groups()]
    return OTHERWISE, [line]


def text(parts, stars):
    known = [part for part in parts if isinstance(part, bytes) or part < len(stars)]
    return b"".join(part if isinstance(part, bytes) else stars[part] for part in known)


def next_line(lines):
    line = lines.readline(8194)
    if not line.endswith(b"\\n"):
        raise EOFError
    return line[:-1].removesuffix(b"\\r")


def play(peer, lines, steps, stars=()):
    for verb, what in steps:
        if verb == "send":
            peer.sendall(text(what, stars))
        elif verb == "file":
            with open(what, "rb") as file:
                peer.sendfile(file)
        elif verb == "wait":
            time.sleep(what)
        elif verb == "within":
            peer.settimeout(what)
        elif verb == "read":
            if len(lines.read(what)) < what:
                raise EOFError
        elif verb == "expect":
            line = next_line(lines)
            while not (match := re.fullmatch(what, line, re.DOTALL)):
                if OTHERWISE is None:
                    raise EOFError
                play(peer, lines, OTHERWISE, [line])
                line = next_line(lines)
            stars = [line, *match.groups()]
        elif verb == "again":
            raise Again
        elif verb == "reset":
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            os.close(peer.detach())
            raise EOFError
        else:
            raise EOFError


def session(peer):
    peer.settimeout(60)
    lines = peer.makefile("rb")
    while True:
        try:
            play(peer, lines, OPENING)
            while RULES or OTHERWISE is not None:
                steps, stars = steps_for(next_line(lines))
                if steps is None:
                    return
                play(peer, lines, steps, stars)
            return
        except Again:
            continue
        except (EOFError, OSError):
            return
"""
_ANSWER = """
RULES = {rules}
OTHERWISE = {otherwise}


def answer(datagram):
    line = datagram.removesuffix(b"\\n").removesuffix(b"\\r")
    steps, stars = OTHERWISE, [line]
    for pattern, found in RULES:
        match = re.fullmatch(pattern, line, re.DOTALL)
        if match:
            steps, stars = found, [line, *match.groups()]
            break
    said = b""
    for verb, what in steps or []:
        if verb == "file":
            with open(what, "rb") as file:
                said += file.read()
        else:
            known = [part for part in what if isinstance(part, bytes) or part < len(stars)]
            said += b"".join(part if isinstance(part, bytes) else stars[part] for part in known)
    return said if steps else None
"""


def python(end: Endpoint, script: Script, how: How) -> str:
    """The script as data, and what plays it, on socketserver or around recvfrom."""
    data = {
        "rules": _listed(f"({_regex(rule.glob)!r}, {_steps(rule.steps)})" for rule in script.rules),
        "otherwise": "None" if script.otherwise is None else _steps(script.otherwise),
    }
    if end.scheme in DATAGRAMS:
        answer = "said = answer(data)\nif peer and said is not None:\n    server.sendto(said, peer)"
        return as_python(end, Code(("re",), "", answer, _ANSWER.format(**data)), how)
    prelude = _PLAY.format(opening=_steps(script.opening), **data)
    imports = ("os", "re", "socket", "struct", "time")
    return as_python(end, Code(imports, "session(self.request)", "", prelude), how)


def _regex(glob: Glob) -> bytes:
    """A glob as Python's regular expressions have it."""
    pieces = []
    for piece in glob.literals:
        made = b""
        for byte in piece:
            one = bytes([byte or 0])
            made += b"." if byte is None else one if one.isalnum() else b"\\x%02x" % byte
        pieces.append(made)
    return (b"(?i)" if glob.nocase else b"") + b"(.*?)".join(pieces)


def _listed(items: Iterable[str]) -> str:
    return "[" + "".join(f"\n    {item}," for item in items) + "\n]"


def _steps(steps: Iterable[Step]) -> str:
    return "[" + ", ".join(f"({step.verb!r}, {_value(step)})" for step in steps) + "]"


def _value(step: Step) -> str:
    match step.verb:
        case "send":
            return repr(list(step.parts))
        case "file":
            return repr(str(step.path))
        case "expect":
            return repr(_regex(step.glob)) if step.glob else "b''"
        case "read":
            return repr(int(step.amount))
        case _:
            return repr(step.amount)


# -- shell ----------------------------------------------------------------------------------------

_GET = """\
within=60 cr=$'\\r'
get() { IFS= read -r -t "$within" line || exit 0; line=${line%"$cr"}; }
"""
_DATAGRAM_GET = (
    "cr=$'\\r' nl=$'\\n'; IFS= read -r -d '' line; line=${line%\"$nl\"}; line=${line%\"$cr\"}\n"
)


def shell(end: Endpoint, script: Script, tls: str = "") -> str:
    """socat, with bash for each peer: it knows `read -t`."""
    if end.scheme in DATAGRAMS:
        rules = _cases(script, "", "exit 0")
        # What is said is one datagram, and so is written at once.
        body = f"{_DATAGRAM_GET}{{ {rules}; }} | dd bs=65536 iflag=fullblock status=none"
    else:
        otherwise = "exit 0"
        if script.otherwise is not None:
            otherwise = _commands(script.otherwise, "") or ":"
        opening = _commands(script.opening, otherwise)
        loop = ""
        if script.rules or script.otherwise is not None:
            loop = f"while get; do {_cases(script, otherwise, 'exit 0')}; done"
        turn = "\n".join(part for part in (opening, loop) if part)
        body = f"{_GET}while :; do\n{turn}\nexit 0\ndone"
    return as_socat(end, r"SYSTEM:exec bash -c \"$SERVE\"", script=body, tls=tls)


def _cases(script: Script, otherwise: str, none: str) -> str:
    """What is done for the line that came."""
    cases = [
        f"{_pattern(rule.glob)}) {_stars(rule.glob)}{_commands(rule.steps, otherwise) or ':'};;"
        for rule in script.rules
    ]
    last = none
    if script.otherwise is not None:
        last = _commands(script.otherwise, otherwise) or ":"
    return f'case "$line" in {" ".join(cases)} *) {last};; esac'


def _commands(steps: Iterable[Step], otherwise: str) -> str:
    return "; ".join(_command(step, otherwise) for step in steps)


def _command(step: Step, otherwise: str) -> str:
    match step.verb:
        case "send":
            said = [
                f"printf %b {_octal(part)}"
                if isinstance(part, bytes)
                else f'printf %s "${"line" if part == 0 else f"s{part}"}"'
                for part in step.parts
            ]
            return " && ".join(said) or ":"
        case "file":
            return f"cat {shlex.quote(str(step.path))}"
        case "expect":
            assert step.glob is not None
            found = f"{_pattern(step.glob)}) {_stars(step.glob)}break;;"
            return f'while get; do case "$line" in {found} *) {otherwise};; esac; done'
        case "read":
            return f"head -c {int(step.amount)} >/dev/null"
        case "wait":
            return f"sleep {step.amount:g}"
        case "within":
            return f"within={step.amount:g}"
        case "again":
            return "continue 2"
        case _:
            return "exit 0"


def _stars(glob: Glob) -> str:
    """Assignments of what the stars are, each as short as can be."""
    first, *others = glob.literals
    if not others:
        return ""
    made = f"rest=${{line#{_word(first, glob)}}}; "
    for number, piece in enumerate(others, 1):
        word = _word(piece, glob)
        if number == len(others):
            return made + f"s{number}=${{rest%{word}}}; "
        made += f"s{number}=${{rest%%{word}*}}; rest=${{rest#*{word}}}; "
    return made


def _pattern(glob: Glob) -> str:
    return "*".join(_word(piece, glob) for piece in glob.literals) or "''"


def _word(piece: tuple[int | None, ...], glob: Glob) -> str:
    """A piece of a glob as a pattern of bash."""
    made = ""
    for byte in piece:
        char = "?" if byte is None else chr(byte)
        if byte is None:
            made += "?"
        elif glob.nocase and char.isascii() and char.isalpha():
            made += f"[{char.upper()}{char.lower()}]"
        elif char.isascii() and char.isalnum():
            made += char
        else:
            made += f"$'\\{byte:03o}'"
    return made


def _octal(data: bytes) -> str:
    """Bytes as printf %b takes them."""
    return "'" + "".join(f"\\0{byte:03o}" for byte in data) + "'"
