"""A CA and what it signs, made once for all tests of serving."""

from __future__ import annotations

from pathlib import Path

import pytest

from workbench.tls.making import authority, files
from workbench.tls.making.issuing import issue, new_key


@pytest.fixture(scope="module")
def ca(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a CA, and a client's certificate of it in client.pem, key and all."""
    folder = tmp_path_factory.mktemp("ca")
    list(authority.existing(folder))
    root = authority.load(folder)
    made = issue(authority.order("joe", ("joe",), "client", 30, root), new_key("ecdsa"), root)
    (folder / "client.pem").write_bytes(made.key_pem + made.certificate_pem)
    assert (folder / files.CA_CERTIFICATE).exists()
    return folder
