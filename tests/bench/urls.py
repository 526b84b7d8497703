"""A million URLs taken apart: by the browsers' rules (ours), beside urllib.parse.urlsplit.

    python -m tests.bench.urls [COUNT]

The URLs are all different, so that neither has seen one before; one in a hundred needs the long
way (a host in letters, dots in the path, a user).
"""

from __future__ import annotations

import sys
import time
from urllib.parse import urlsplit

from workbench.tools.urls.whatwg import parse


def main(count: int) -> None:
    """Print seconds and the ratio."""
    texts = [
        f"https://host{n % 977}.example.org/dir{n % 31}/page{n}?id={n}&q=x#top"
        for n in range(count)
    ]
    for n in range(0, count, 100):
        texts[n] = f"http://user@bücher{n}.example:8080/a/../b{n}?ü={n}"
    took = {}
    for name, work in (("urllib.parse", urlsplit), ("ours", parse)):
        best = float("inf")
        for _ in range(3):
            began = time.perf_counter()
            for text in texts:
                work(text)
            best = min(best, time.perf_counter() - began)
        took[name] = best
    for name, seconds in took.items():
        print(f"{count:,} URLs  {name:<13} {seconds:6.2f} s  {seconds / took['urllib.parse']:5.2f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
