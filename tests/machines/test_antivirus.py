"""The virus scanner finds what it should, and keeps finding it while signatures change and break."""

from __future__ import annotations

import base64
import re
import shlex
from collections.abc import Iterator

import pytest

from frontdoor import paths
from frontdoor.landscape import Landscape
from tests.corpus.eicar import EICAR
from tests.laboratory import Lab
from tests.scanning import asking, at_once, everywhere, scan, status

NAMES = [machine.name for machine in Landscape(paths.INVENTORY).machines("content_filter")]
LOCAL = "/etc/posthouse/signatures"
FAMILIES = {"Posthouse.Test.Family1": b"POSTHOUSE-TEST-FAMILY-1-5B1D8E70", "Posthouse.Test.Family2": b"POSTHOUSE-TEST-FAMILY-2-93C4A6F2"}


@pytest.fixture
def _put_right(lab: Lab) -> Iterator[None]:
    """Each content filter's signatures are what they were, afterwards."""
    yield

    def mend(name: str) -> None:
        lab.run(name, f"rm -f {LOCAL}/trial.*; signatures update --no-fetch", timeout=120)
        assert status(lab, name)["state"] == "current"

    at_once(NAMES, mend)


@pytest.mark.parametrize("name", NAMES)
def test_it_answers_those_it_should(lab: Lab, name: str) -> None:
    assert lab.run(name, "clamdscan --ping 5").strip() == "PONG"
    assert lab.run(name, "stat -c '%a %U %G' /run/clamav/clamd.ctl").strip() == "660 clamav clamav"
    assert lab.run(name, "runuser -u nobody -- test -w /run/clamav/clamd.ctl || echo no").strip() == "no"
    assert lab.run(name, "runuser -u amavis -- test -w /run/clamav/clamd.ctl && echo yes").strip() == "yes"
    assert status(lab, name)["state"] == "current"


@pytest.mark.parametrize("name", NAMES)
def test_it_finds_the_test_virus_and_the_families_and_nothing_else(lab: Lab, name: str) -> None:
    assert scan(lab, name, EICAR).lower().startswith("eicar")
    for family, text in FAMILIES.items():
        letter = b"From: a@b.test\nMIME-Version: 1.0\nContent-Type: application/x-thing\nContent-Transfer-Encoding: base64\n\n"
        assert scan(lab, name, letter + base64.encodebytes(b"before " + text + b" after")) == family
        page = b"From: a@b.test\nMIME-Version: 1.0\nContent-Type: text/html\n\n<html><body><p>" + text + b"</p></body></html>\n"
        assert scan(lab, name, page).startswith(family)
    assert scan(lab, name, b"From: a@b.test\nSubject: Minutes\n\nSee you on Tuesday.\n") == ""


@pytest.mark.parametrize("name", NAMES)
def test_nobody_fetches_signatures_past_our_service(lab: Lab, name: str) -> None:
    units = [line.split()[:2] for line in lab.run(name, "systemctl list-unit-files --no-legend 'clamav-freshclam*'").splitlines()]
    assert units
    assert [unit for unit, state in units if state != "masked"] == []


@pytest.mark.parametrize("name", NAMES)
def test_it_cannot_change_what_it_reads(lab: Lab, name: str) -> None:
    enter = "nsenter -t $(pidof clamd) -m -S $(id -u clamav) -G $(id -g clamav)"
    assert "Read-only" in lab.run(name, f"{enter} touch /var/lib/clamav/sets/x 2>&1", check=False)
    assert lab.run(name, f"{enter} sh -c 'touch /var/lib/clamav/tmp/x && rm /var/lib/clamav/tmp/x && echo can'").strip() == "can"
    assert lab.run(name, "grep CapEff /proc/$(pidof clamd)/status").split()[1].strip("0") == ""


@pytest.mark.parametrize(
    ("file", "content", "reason"),
    [
        ("trial.ndb", "Trial.Broken:0:*:zz", "Malformed database|Problem parsing"),
        ("trial.ndb", f"Trial.Wide:0:*:{b'Message-ID:'.hex()}", "a clean mail is called infected: Trial.Wide"),
        ("trial.ldb", "Trial.Half;Engine:51-255,Target:0;0&&1;666f6f", "ldb"),
        ("trial.yar", 'rule trial { strings: $a = "x" condition: $b }', "undefined string"),
        ("trial.ign2", "Posthouse.Probe", "the probe is not seen"),
    ],
)
@pytest.mark.usefixtures("_put_right")
def test_a_broken_database_is_refused_and_scanning_goes_on(lab: Lab, file: str, content: str, reason: str) -> None:
    def refused(name: str) -> None:
        before = status(lab, name)
        put = f"printf '%s\\n' {shlex.quote(content)} > {LOCAL}/{file}"
        missed, _ = asking(lab, name, 20, f"{put}; signatures update --no-fetch")
        assert missed == 0
        after = status(lab, name)
        assert (after["state"], after["set"]) == ("refused", before["set"])
        assert re.search(reason, str(after["reason"])), after["reason"]
        assert lab.run(name, "signatures status --check", check=False).startswith("signatures refused: ")

    at_once(NAMES, refused)


@pytest.mark.usefixtures("_put_right")
@everywhere(NAMES)
def test_new_signatures_are_loaded_without_a_gap(lab: Lab, name: str) -> None:
    # A million of them, so that loading takes long enough to be seen.
    make = f"""python3 -c "import hashlib
with open('{LOCAL}/trial.hsb', 'w') as file:
    for n in range(1000000): file.write(hashlib.sha256(b'%d' % n).hexdigest() + ':%d:Trial.Many%d:73\\n' % (100 + n % 5000, n))" """
    missed, longest = asking(lab, name, 100, f"{make}; signatures update --no-fetch")
    assert missed == 0
    # Loaded in place of the old ones, they would hold up a scan for thirty seconds; seen when they were.
    assert longest < 5
    after = status(lab, name)
    assert after["serves"]
    assert int(str(after["signatures"])) > 1000000
