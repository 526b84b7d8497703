"""Write the file of what is known of jobs without their modules.

python -m tests.briefs
"""

from __future__ import annotations

from pathlib import Path

from workbench import catalogue
from workbench.catalogue import Brief


def declared() -> tuple[Brief, ...]:
    """What the modules say."""
    return tuple(Brief(job.name, job.tab, job.summary, job.example) for job in catalogue.load_all())


if __name__ == "__main__":
    path = Path(catalogue.__file__).with_name("briefs.tsv")
    path.write_text("".join("\t".join(one) + "\n" for one in declared()), "utf-8")
