"""The key with which elsewhere.test signs its mail in the lab. It is no secret: everybody can make it from the words below.

Its public half stands in the lab's zone (inventory/lab/group_vars/dns.yml); a test compares the two.
"""

from __future__ import annotations

import base64
import functools
import random
from itertools import count

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

SELECTOR, DOMAIN = "lab", "elsewhere.test"
WORDS = "The key of elsewhere.test is known to all."
BITS = 2048
EXPONENT = 65537


def prime(noise: random.Random, bits: int) -> int:
    """Return a prime of so many bits from a source of numbers (Miller and Rabin, forty rounds)."""
    small = [number for number in range(3, 2000, 2) if all(number % other for other in range(3, int(number**0.5) + 1, 2))]
    for _ in count():
        candidate = noise.getrandbits(bits) | 3 << (bits - 2) | 1
        if all(candidate % number for number in small) and candidate % EXPONENT != 1 and _probably_prime(candidate, noise):
            return candidate
    raise AssertionError("there are infinitely many primes")


def _probably_prime(candidate: int, noise: random.Random) -> bool:
    odd, twos = candidate - 1, 0
    while odd % 2 == 0:
        odd, twos = odd // 2, twos + 1
    for _ in range(40):
        power = pow(noise.randrange(2, candidate - 1), odd, candidate)
        if power in {1, candidate - 1}:
            continue
        for _ in range(twos - 1):
            power = power * power % candidate
            if power == candidate - 1:
                break
        else:
            return False
    return True


@functools.cache
def key() -> rsa.RSAPrivateKey:
    """Return the key; it is the same on every machine (random.Random with a string's seed, of version 2, is)."""
    noise = random.Random(WORDS)
    p, q = prime(noise, BITS // 2), prime(noise, BITS // 2)
    d = pow(EXPONENT, -1, (p - 1) * (q - 1))
    public = rsa.RSAPublicNumbers(EXPONENT, p * q)
    return rsa.RSAPrivateNumbers(p, q, d, d % (p - 1), d % (q - 1), pow(q, -1, p), public).private_key()


def private_text() -> str:
    """Return the key as a program that signs reads it."""
    return key().private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode()


def record() -> str:
    """Return the text that the zone has at lab._domainkey (RFC 6376, 3.6.1)."""
    public = key().public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return f"v=DKIM1; k=rsa; p={base64.b64encode(public).decode()}"
