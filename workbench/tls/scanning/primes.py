"""Primes for Diffie-Hellman that many servers share, so that breaking one breaks them all.

The work that Logjam needs is done once for a prime, and then opens every connection that uses it
(weakdh.org, 2015). A prime is known here by the first 16 digits of its SHA-256 in hexadecimal.
"""

from __future__ import annotations

_SHARED = {
    "Apache 2.0's built in": "3cdb020b9ef298b2",
    "Apache 2.2's built in": ("f79d1db3c955a28f db01e702899166da bf910d9df4e0b2e7"),
    "nginx's built in": "8ae47dca3d24e9b6",
    "Java's built in": ("73b391ec8da33ee1 ee5483fe4b96caa1 cc21a33dd1a3edf4"),
    "OpenSSL's samples": (
        "f26e2403f3f07946 66d0bf38b0bdfacf 3166ce1918000532 9e348a9471b7d123 ce7728db3aed1119"
    ),
    "MODP group 1 (RFC 2409)": "b52ba6a3026520a6",
    "MODP group 2 (RFC 2409)": "3f35a3f5f6c4376a",
    "MODP group 5 (RFC 3526)": "64fcc83ec403930b",
    "MODP group 14 (RFC 3526)": "d66436f79bbd6b2e",
    "MODP group 15 (RFC 3526)": "48cf8b092fbce435",
    "MODP group 16 (RFC 3526)": "4ee95187682bcb23",
    "MODP group 17 (RFC 3526)": "d1bfe6d0925ce7e4",
    "MODP group 18 (RFC 3526)": "39ab4feab950a312",
    "RFC 5114": ("44c55cfee5c07592 bfe545862ca102ad 0b7835722cb61982"),
    "seen by weakdh.org": (
        "74a5cce5b6a93eb7 196085cb4281d1ff 80571b97f71f8972 5f856a00120eee6d "
        "deb671287187265a bc19c041491e550f ac0ff7a415f003c6 2b07d24b932aa7a0 "
        "8523c72057043833 52d4faa53003b834"
    ),
    "IronPort's built in": "bfa876fe4671a9c6",
    "SKIP's": ("6215d41bb617b390 725541d91fe79bcf"),
    "Postfix's samples": (
        "449ab49c277d21a6 4e1f16b0a537becf 6c863838510bab3e ef627d8cc44144f3 "
        "e2b343fa226b7109 7dafc874c19963c0 d2ae65bfc24596c0 bd646809c4e2d255 "
        "ee302f149664decf bc66927384785251 ad225f9367840e76 3b37d357836b4c0b "
        "f5b0f0db19c1ffb9 b85e2291d1404593 b36ac84e5fa8bd7a 20ce5e9531472e23 "
        "245ccb3bb7e5f8e4 b22223eba55eff07"
    ),
    "ProFTPD's built in": (
        "984a91adb717c975 a2052ee3a461387e cf44c99b85dabecc 46ff79361993e5e6 "
        "8b4fa096eb2414e2 e7257339c7b3c36b 0a64b51e01fbccd8 a5bdec8cf036e2ab "
        "6b79f7880e90204b cfb14315e90c3ce2 406b95f336f4588f 6ab0cedf512ead33 "
        "3504275b93e5db8a fb2de97ce408f3d2 c43bb4fe47a64133 9f5e9f4e49f84999 "
        "3576d07c0658c023 0ea9ef1fd4b42cff eba4ea9cdaf56d1c 80b421f627228225 "
        "3e21a641dbe236fd f17daff1413023f2 bd132a9c3bb1b0db 2f4370d98ffd18aa "
        "1401ba0d70afd57f d3d1fa2923c8dc2d adaf2d463f6f71d6 5de6d78891cd9a75"
    ),
    "LibTomCrypt's built in": (
        "d9f6f2a0adb3427c d6dcdf1380fcf5d1 0ce3987be0923295 362b5d25eb8b949b "
        "22e8c3768c4947ee 8bf91c38e2a92b25 8ab7986eaa2c27eb a642950d9c2cdc78"
    ),
    "socat's built in": ("d03fdc7fe0f0d300 ac10fa3c5965ca36"),
    "HAProxy's built in": ("486e235226a927b2 7b6551ea6ff09bd7 a67f41cb161353e0"),
    "ffdhe2048 (RFC 7919)": "9cd3b7f336872f46",
    "ffdhe3072 (RFC 7919)": "0eaf67db3a839156",
    "ffdhe4096 (RFC 7919)": "4648414224ac881b",
    "ffdhe6144 (RFC 7919)": "227ac9066b3ddd9e",
    "ffdhe8192 (RFC 7919)": "770b14efaf6f0499",
}
"""Where a prime comes from: the primes from there."""

_BY_PRIME = {prime: name for name, primes in _SHARED.items() for prime in primes.split()}


def shared_prime(prime: int) -> str:
    """Where a prime comes from that others use too, as "ffdhe2048 (RFC 7919)"; or ""."""
    import hashlib

    body = prime.to_bytes((prime.bit_length() + 7) // 8, "big")
    return _BY_PRIME.get(hashlib.sha256(body).hexdigest()[:16], "")


def well_made(name: str) -> bool:
    """Whether a shared prime is one that was made in the open and that may be shared."""
    return "RFC 7919" in name or "RFC 3526" in name
