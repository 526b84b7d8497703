"""Which TCP ports of which hosts are open, closed or filtered, and what answers on them.

`ports` and `targets` read what is asked for, `prober` connects, `banner` finds out who speaks
there, `job` tells it.
"""
