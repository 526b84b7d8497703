"""ICMP over sockets: `echo` asks and hears answers, `error_queue` has what routers say."""
