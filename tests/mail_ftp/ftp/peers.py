"""FTP servers for the tests: ours and vsftpd, each over a folder of the test's own."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.http.client.certificates import Certificates
from tests.servers.watching import Watched, serving
from workbench.core.endpoint import Endpoint, parse
from workbench.mail_ftp.ftp.serve import ServeFtp, serve_ftp

PATIENCE = 60.0


def place(host: str, port: int) -> str:
    """Its URL."""
    return f"ftp://[{host}]:{port}" if ":" in host else f"ftp://{host}:{port}"


@contextmanager
def ours(root: Path, *, host: str = "127.0.0.1", **more: Any) -> Iterator[Watched]:
    """Our server, in a process of its own."""
    end = parse(place(host, 0))
    with serving(serve_ftp, ServeFtp(end, root=root, **more)) as server:
        yield server


@contextmanager
def vsftpd(
    root: Path,
    work: Path,
    made: Certificates | None = None,
    *,
    host: str = "127.0.0.1",
    rate: int = 0,
) -> Iterator[Endpoint]:
    """vsftpd, which lets anonymous read and write below root/pub; with TLS it wants reuse.

    Args:
        rate: bytes a second of a transfer; 0 for as many as it can.
    """
    (root / "pub").mkdir(exist_ok=True)
    (root / "pub").chmod(0o777)
    root.chmod(0o555)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, 0), family=family) as free:
        port = free.getsockname()[1]
    listen = ["listen=YES", f"listen_address={host}"]
    if ":" in host:
        listen = ["listen=NO", "listen_ipv6=YES", f"listen_address6={host}"]
    lines = [
        *listen, f"listen_port={port}", "background=NO", f"anon_max_rate={rate}",
        "anonymous_enable=YES", "no_anon_password=NO", "write_enable=YES", f"anon_root={root}",
        "anon_upload_enable=YES", "anon_mkdir_write_enable=YES", "anon_other_write_enable=YES",
        "anon_umask=022", "seccomp_sandbox=NO", f"secure_chroot_dir={work}", "use_localtime=NO",
        "xferlog_enable=NO", "anon_world_readable_only=NO", "isolate=NO", "isolate_network=NO",
    ]  # fmt: skip
    if made is not None:
        (work / "both.pem").write_bytes(made.server.read_bytes() + made.server_key.read_bytes())
        lines += [
            "ssl_enable=YES", "allow_anon_ssl=YES", f"rsa_cert_file={work}/both.pem",
            "require_ssl_reuse=YES", "ssl_ciphers=HIGH", "force_anon_data_ssl=YES",
        ]  # fmt: skip
    (work / "v.conf").write_text("\n".join(lines) + "\n")
    with subprocess.Popen(["vsftpd", str(work / "v.conf")]) as server:
        try:
            until = time.monotonic() + PATIENCE
            while True:
                try:
                    socket.create_connection((host, port), 1).close()
                    break
                except OSError:
                    assert server.poll() is None, "vsftpd has ended"
                    assert time.monotonic() < until, "vsftpd never came"
                    time.sleep(0.05)
            yield parse(place(host, port))
        finally:
            server.kill()
            root.chmod(0o755)
