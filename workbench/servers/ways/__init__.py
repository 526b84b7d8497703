"""The other ways that Python serves in: socketserver's classes, plain, threading and forking.

The same handlers, the same events and commands as with the loop. `single` goes on with one
connection in a thread or process of its own, `streams` and `datagrams` host socketserver's classes,
with `hall` for what both have in common; `forked` is how a child tells its parent what it does.
"""

from __future__ import annotations

from typing import Literal

How = Literal["selectors", "plain", "threading", "forking"]
Way = Literal["plain", "threading", "forking"]
