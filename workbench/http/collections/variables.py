"""`{{name}}` in a request: the file's variables, an environment's, captured and dynamic values.

Dynamic ones are those of VS Code's REST Client ({{$guid}}, {{$timestamp -1 d}}, {{$processEnv X}},
…) and of JetBrains' ({{$random.uuid}}, {{$env.X}}, …). `{{%name}}` is percent-encoded.
"""

from __future__ import annotations

import datetime
import os
import random
import re
import uuid
from collections.abc import Mapping
from email.utils import format_datetime
from pathlib import Path
from urllib.parse import quote

from workbench.core.arguments import nearest
from workbench.core.failure import JobError
from workbench.core.text import safe
from workbench.http.collections.answers import Answer, as_text, header_of, json_values

BRACES = re.compile(r"\{\{(?P<inside>[^{}\n]*[^{}\s][^{}\n]*)\}\}")
_OF_ANSWER = re.compile(
    r"(?P<name>[\w-]+)\.(?P<way>response|request)\.(?P<part>body|headers)\.(?P<what>.+)"
)
DEEP = 10
"""Variables within variables."""

FILLED_MOST = 16 << 20
"""Characters that a text grows to as its variables are filled in."""

_UNITS = {
    "y": 365 * 86400, "M": 30 * 86400, "w": 7 * 86400, "d": 86400, "h": 3600, "m": 60, "s": 1,
    "ms": 0.001,
}  # fmt: skip
_DATE = (
    ("YYYY", "%Y"), ("MM", "%m"), ("DD", "%d"), ("HH", "%H"), ("mm", "%M"), ("ss", "%S"),
    ("SSS", "%f"), ("ZZ", "%z"),
)  # fmt: skip


class Variables:
    """What the names in braces stand for; what comes from the process's environment is a secret.

    What was captured goes before what was given, then come the file's, then the environment's.

    Attributes:
        captured: values of responses, by name.
        answers: responses by the name of their request, for `{{login.response.body.$.token}}`.
        secrets: values that came from the process's environment or a `.env` file.
    """

    def __init__(
        self,
        *,
        file: Mapping[str, str] | None = None,
        environment: Mapping[str, str] | None = None,
        given: Mapping[str, str] | None = None,
        folder: Path | None = None,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self.file = dict(file or {})
        self.environment = dict(environment or {})
        self.given = dict(given or {})
        self.folder = folder or Path()
        self.captured: dict[str, str] = {}
        self.answers: dict[str, Answer] = {}
        self.secrets: set[str] = set()
        self._environ = os.environ if environ is None else environ
        self._dotenv: dict[Path, dict[str, str]] = {}

    def fill(self, text: str) -> str:
        """The text with every variable filled in.

        Raises:
            JobError: one is not known, or they stand for each other without an end.
        """
        return self._fill(text, ())

    def names(self) -> list[str]:
        """Every name that is not a dynamic one."""
        return list({**self.environment, **self.file, **self.given, **self.captured})

    def _fill(self, text: str, within: tuple[str, ...]) -> str:
        parts: list[str] = []
        at = size = 0
        for found in BRACES.finditer(text):
            name = found["inside"].strip()
            value = self._value(name.removeprefix("%").strip(), within)
            if name.startswith("%"):
                value = quote(value, safe="")
            parts += [text[at : found.start()], value]
            size += len(value)
            at = found.end()
            if size > FILLED_MOST:
                raise JobError(f"variables that fill in more than {FILLED_MOST >> 20} MB")
        return "".join([*parts, text[at:]])

    def _value(self, name: str, within: tuple[str, ...]) -> str:
        if name.startswith("$") and name not in self.given:
            return self._dynamic(name)
        for layer in (self.captured, self.given, self.file, self.environment):
            if name in layer:
                if layer is self.captured:
                    return layer[name]
                if name in within or len(within) >= DEEP:
                    chain = " stands for ".join([*within, name])
                    raise JobError(f"variables without an end: {safe(chain, limit=200)}")
                return self._fill(layer[name], (*within, name))
        found = _OF_ANSWER.fullmatch(name)
        if found is not None:
            return self._of_answer(found)
        known = self.names()
        hint = nearest(name, known) or f"; known: {', '.join(known) or 'none'}"
        raise JobError(
            f"{{{{{safe(name, limit=80)}}}}} stands for nothing{safe(hint, limit=300)}",
            advice="write @NAME = VALUE into the file, or give --var or --env",
        )

    def _of_answer(self, found: re.Match[str]) -> str:
        answer = self.answers.get(found["name"])
        if answer is None:
            raise JobError(
                f"{{{{{safe(found[0], limit=80)}}}}}: no request named {found['name']} has run yet",
                advice="it stands before this one, with # @name",
            )
        what = found["what"]
        asked = found["way"] == "request"
        if found["part"] == "headers":
            value = header_of(answer.sent_headers if asked else answer.headers, what)
            if value is None:
                raise JobError(f"the {found['way']} of {found['name']} has no {what}")
            return value
        text = answer.sent_body if asked else answer.text
        if what == "*":
            return text
        values = json_values(text, what)
        if not values:
            raise JobError(f"{what} finds nothing in the {found['way']} of {found['name']}")
        return as_text(values[0])

    # -- values that are made ------------------------------------------------------------------

    def _dynamic(self, name: str) -> str:
        word, _, rest = name.replace("(", " ").replace(")", " ").replace(",", " ").partition(" ")
        words = rest.split()
        match word:
            case "$uuid" | "$guid" | "$random.uuid":
                return str(uuid.uuid4())
            case "$timestamp":
                return str(int(_moment(words).timestamp()))
            case "$isoTimestamp":
                return _moment(words).isoformat(timespec="milliseconds").replace("+00:00", "Z")
            case "$randomInt" | "$random.integer":
                return str(_random_int(words, 1001 if word == "$randomInt" else 1000))
            case "$random.alphabetic" | "$random.alphanumeric" | "$random.hexadecimal":
                return _random_text(word, words)
            case "$random.email":
                return f"{uuid.uuid4().hex[:10]}@example.com"
            case "$datetime" | "$localDatetime":
                return _date(name.partition(" ")[2], local=word == "$localDatetime")
            case "$processEnv" | "$dotenv":
                return self._secret(word, words)
        if word.startswith("$env."):
            return self._secret("$processEnv", [word.removeprefix("$env.")])
        raise JobError(
            f"{{{{{safe(name, limit=60)}}}}} is no variable that is known here",
            advice="$uuid, $timestamp, $isoTimestamp, $datetime, $randomInt, $processEnv, $dotenv",
        )

    def _secret(self, word: str, words: list[str]) -> str:
        if not words:
            raise JobError(f"{word} of what? as {{{{{word} NAME}}}}")
        name = words[0]
        if name.startswith("%"):  # the name of the variable stands in another variable
            name = self._value(name[1:], ())
        value = self._environ.get(name) if word == "$processEnv" else self._from_file(name)
        if value is None:
            where = "the environment" if word == "$processEnv" else "a .env file"
            raise JobError(f"{safe(name, limit=60)} is not set in {where}")
        if value:
            self.secrets.add(value)
        return value

    def _from_file(self, name: str) -> str | None:
        """A value of the nearest `.env` file above the requests that has it."""
        folder = self.folder.resolve()
        for one in (folder, *folder.parents):
            path = one / ".env"
            if path not in self._dotenv:
                self._dotenv[path] = read_dotenv(path)
            if name in self._dotenv[path]:
                return self._dotenv[path][name]
        return None


def read_dotenv(path: Path) -> dict[str, str]:
    """NAME=VALUE lines; quotes around a value and `export` before a name do not count."""
    try:
        with path.open(encoding="utf-8", errors="surrogateescape") as file:
            text = file.read(1 << 20)
    except OSError:
        return {}
    found = {}
    for line in text.splitlines():
        name, equals, value = line.strip().removeprefix("export ").partition("=")
        if not equals or name.startswith("#"):
            continue
        value = value.strip()
        if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
            value = value[1:-1]
        else:
            value = value.partition(" #")[0].rstrip()
        found[name.strip()] = value
    return found


def _moment(words: list[str]) -> datetime.datetime:
    """Now, or before or after it: -1 d."""
    now = datetime.datetime.now(datetime.UTC)
    if not words:
        return now
    unit = _UNITS.get(words[1]) if len(words) == 2 else None
    try:
        if unit is None:
            raise ValueError
        return now + datetime.timedelta(seconds=int(words[0]) * unit)
    except (ValueError, OverflowError):
        raise JobError(
            f"{' '.join(words)[:40]!r} is no time from now", advice=f"as -1 d; {', '.join(_UNITS)}"
        ) from None


def _date(rest: str, *, local: bool) -> str:
    found = re.fullmatch(r"\s*(rfc1123|iso8601|\"[^\"]*\"|'[^']*')?\s*(.*?)\s*", rest)
    assert found is not None  # each of its parts may be nothing
    moment = _moment(found[2].split())
    if local:
        moment = moment.astimezone()
    form = found[1] or "iso8601"
    if form == "rfc1123":
        return format_datetime(moment, usegmt=not local)
    if form == "iso8601":
        return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return re.sub(
        "YYYY|MM|DD|HH|mm|SSS|ss|ZZ",
        lambda one: moment.strftime(dict(_DATE)[one[0]])[: 3 if one[0] == "SSS" else None],
        form[1:-1],
    )


def _random_int(words: list[str], most: int) -> int:
    try:
        low, high = (int(words[0]), int(words[1])) if words else (0, most)
        return random.randrange(low, high)
    except (ValueError, IndexError):
        raise JobError(
            f"no whole number can be taken from {' '.join(words)[:40]!r}",
            advice="as {{$randomInt 1 10}}: from the first to below the second",
        ) from None


def _random_text(word: str, words: list[str]) -> str:
    length = int(words[0]) if words and words[0].isdecimal() and len(words[0]) < 5 else 10
    alphabet = "abcdefghijklmnopqrstuvwxyz"
    if word != "$random.alphabetic":
        alphabet = "0123456789abcdef" if "hexa" in word else alphabet + "0123456789"
    return "".join(random.choices(alphabet, k=length))
