"""The key of elsewhere.test, and its public half in the lab's zone."""

from __future__ import annotations

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from frontdoor import paths
from frontdoor.landscape import Landscape
from tests.corpus import dkim_key


def test_the_zone_has_the_public_half() -> None:
    zones = {zone["name"]: zone["records"] for zone in Landscape(paths.INVENTORY).everywhere("internet_zones")}
    name = f"{dkim_key.SELECTOR}._domainkey"
    values = [record["value"] for record in zones[dkim_key.DOMAIN] if record["name"] == name]
    assert values == [dkim_key.record()], "make it anew: python -c 'from tests.corpus import dkim_key; print(dkim_key.record())'"


def test_the_key_signs() -> None:
    key = dkim_key.key()
    assert key.key_size == dkim_key.BITS
    signature = key.sign(b"text", padding.PKCS1v15(), hashes.SHA256())
    key.public_key().verify(signature, b"text", padding.PKCS1v15(), hashes.SHA256())
    assert dkim_key.private_text().startswith("-----BEGIN RSA")
