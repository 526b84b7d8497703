"""The sockets of this host as the kernel sees them.

`diag` is the codec of sock_diag(7), `tcp_info` that of TCP_INFO; `reader` asks the kernel and
proc(5) who has what, `pages` filters, sorts and groups, `job` tells it.
"""
