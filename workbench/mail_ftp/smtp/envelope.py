"""Who a message is from and to, as MAIL and RCPT carry it (RFC 5321, RFC 6531)."""

from __future__ import annotations

from email.utils import getaddresses

from workbench.core.failure import JobError
from workbench.core.text import safe
from workbench.mail_ftp.dialogue import one_line


def addresses(values: tuple[str, ...], what: str) -> list[str]:
    """The bare addresses of header values.

    Raises:
        JobError: one of them holds none, or a line break.
    """
    found: list[str] = []
    for value in values:
        one_line(value, what)
        some = [address for _, address in getaddresses([value])]
        if not all(some) or not some:
            raise JobError(
                f"{what}: “{safe(value, limit=60)}” holds no address",
                advice="as joe@example.org or 'Joe <joe@example.org>'",
            )
        found += [checked(one, what) for one in some]
    return found


def checked(address: str, what: str) -> str:
    """An address as MAIL and RCPT may carry it.

    Raises:
        JobError: it would be read as something else.
    """
    one_line(address, what)
    quoted = address.startswith('"')
    if any(ord(char) < 32 or ord(char) == 127 for char in address) or (
        not quoted and any(char in " <>" for char in address)
    ):
        raise JobError(f"{what}: “{safe(address, limit=60)}” cannot stand in an envelope")
    return address
