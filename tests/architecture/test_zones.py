"""Every zone that the example's name servers would get is one that named-checkzone accepts, and says what mail needs."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.architecture.test_example_inventory import Pictures, pictures

__all__ = ["pictures"]

SOURCES = "/etc/bind/posthouse/"


def zones(pictures: Pictures, host: str) -> dict[tuple[str, str], str]:
    """View and zone -> the file, as the host would get it."""
    files = pictures[host]["dns"]["files"]
    found = {}
    for path, file in files.items():
        if path.startswith(SOURCES):
            view, zone = path.removeprefix(SOURCES).split("/")
            found[view, zone] = str(file["content"])
    return found


@pytest.mark.skipif(shutil.which("named-checkzone") is None, reason="bind9-utils brings named-checkzone")
def test_named_accepts_every_zone(pictures: Pictures, tmp_path: Path) -> None:
    made = zones(pictures, "ns1")
    assert len(made) > 8
    assert "intranet IN A 192.0.2.79" in made["campus", "example.edu"]
    assert "intranet" not in made["internet", "example.edu"]
    for (view, zone), text in made.items():
        file = tmp_path / f"{view}.{zone}"
        file.write_text(text)
        run = subprocess.run(["named-checkzone", "-i", "local", zone, file], capture_output=True, text=True, check=False)
        assert run.returncode == 0, f"{view} {zone}: {run.stdout}"


def test_the_first_signs_and_the_others_fetch(pictures: Pictures) -> None:
    assert {view for view, _ in zones(pictures, "ns1")} == {"campus", "internet"}
    assert {view for view, _ in zones(pictures, "ns2")} == {"campus"}
    first, second = (str(pictures[host]["dns"]["files"]["/etc/bind/named.conf"]["content"]) for host in ("ns1", "ns2"))
    assert 'dnssec-policy "posthouse";' in first
    assert 'also-notify { 192.0.2.9 key "posthouse-transfer"; 198.51.100.61; };' in first
    assert 'primaries { 192.0.2.8 key "posthouse-transfer"; };' in second
    assert "dnssec-policy" not in second
    for text in (first, second):
        # Who shows the secret sees what is signed, though its address is one of the campus.
        assert "match-clients { !key posthouse-transfer; 127.0.0.0/8;" in text
        assert 'allow-transfer { key "posthouse-transfer"; 198.51.100.61; };' in text


def test_each_side_has_its_own_exchangers(pictures: Pictures) -> None:
    made = zones(pictures, "ns1")
    inside, outside = made["campus", "example.edu"].splitlines(), made["internet", "example.edu"].splitlines()
    assert [line for line in inside if line.startswith("@ IN MX")] == ["@ IN MX 10 smtp1.example.edu.", "@ IN MX 10 smtp2.example.edu."]
    assert [line for line in outside if line.startswith("@ IN MX")] == ["@ IN MX 10 mx1.example.edu.", "@ IN MX 10 mx2.example.edu."]
    for lines in (inside, outside):
        assert len([line for line in lines if line.startswith("smtp IN A ")]) == 2
        assert "_submissions._tcp IN SRV 0 1 465 smtp.example.edu." in lines
        assert "_imaps._tcp IN SRV 0 1 993 imap.example.edu." in lines
        assert '_dmarc IN TXT "v=DMARC1; p=quarantine; rua=mailto:dmarc@example.edu"' in lines
        assert any(
            line.startswith('@ IN TXT "v=spf1 ip4:') and line.endswith(' include:_spf.newsletter.example.net -all"') for line in lines
        )
