"""AF_ALG: hashes and ciphers done by the kernel."""
