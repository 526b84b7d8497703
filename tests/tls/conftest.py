"""Keys and certificates that the tests of TLS share."""

from __future__ import annotations

import pytest

from tests.tls.peers import Identity, self_signed


@pytest.fixture(scope="session")
def rsa_identity(tmp_path_factory: pytest.TempPathFactory) -> Identity:
    """An RSA key of 2048 bits with its certificate."""
    return self_signed(tmp_path_factory.mktemp("rsa"))


@pytest.fixture(scope="session")
def ecdsa_identity(tmp_path_factory: pytest.TempPathFactory) -> Identity:
    """A P-256 key with its certificate."""
    return self_signed(tmp_path_factory.mktemp("ecdsa"), "ecdsa")


@pytest.fixture(scope="session")
def dsa_identity(tmp_path_factory: pytest.TempPathFactory) -> Identity:
    """A DSA key of 2048 bits with its certificate."""
    return self_signed(tmp_path_factory.mktemp("dsa"), "dsa")
