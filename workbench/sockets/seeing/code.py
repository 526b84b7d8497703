"""The loop that is looked at, as a script on the standard library's selectors."""

from __future__ import annotations

from workbench.core.endpoint import Endpoint

_PYTHON = """\
import selectors
import socket
import time

selector = selectors.{selector}()
listener = {listener}
listener.setblocking(False)


def accept(listener):
    peer, _ = listener.accept()
    peer.setblocking(False)
    selector.register(peer, selectors.EVENT_READ, echo)
    print("fd", peer.fileno(), "is watched for read: a peer", flush=True)


def echo(peer):
    data = peer.recv(65536)
{slow}    if data:
        peer.send(data)
    else:
        selector.unregister(peer)
        print("fd", peer.fileno(), "no longer watched", flush=True)
        peer.close()


selector.register(listener, selectors.EVENT_READ, accept)
print("listening on", listener.getsockname(), flush=True)
number = 0
while True:
    begun = time.monotonic()
    ready = selector.select(1.0)
    number += 1
    waited = time.monotonic() - begun
    print(f"round {{number}}: after {{waited:.3f}} s: {{len(ready)}} ready", flush=True)
    for key, _ in ready:
        begun = time.monotonic()
        key.data(key.fileobj)
        took = 1000 * (time.monotonic() - begun)
        print(f"  fd {{key.fd}} {{key.data.__name__}} {{took:.3f}} ms", flush=True)
"""
_CLASSES = {"epoll": "EpollSelector", "poll": "PollSelector", "select": "SelectSelector"}


def python(end: Endpoint, selector: str, slow: float) -> str:
    """The script."""
    if end.is_unix:
        listener = (
            f"socket.socket(socket.AF_UNIX)\nlistener.bind({end.unix_address!r})\nlistener.listen()"
        )
    else:
        family = ", family=socket.AF_INET6" if ":" in end.host else ""
        listener = f"socket.create_server({(end.host or '127.0.0.1', end.port)!r}{family})"
    return _PYTHON.format(
        selector=_CLASSES[selector],
        listener=listener,
        slow=f"    time.sleep({slow})\n" if slow else "",
    )
