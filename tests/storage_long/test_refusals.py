"""What role storage refuses, with real frames and disks: nothing is written to a disk that carries anything, or that is not ours."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from frontdoor import paths
from frontdoor.landscape import Machine
from tests.laboratory import Lab
from tests.storage.outages import converge

SLOT = 13
NODE, FILE = f"/dev/etherd/e1.{SLOT}", f"/srv/shelf/1.{SLOT}"
LVM = "/etc/lvm/lvmlocal.conf"
SPARE = {"name": "spare", "aoe": f"1.{SLOT}"}

Volumes = Callable[..., "Said"]


class Said:
    """What the module storage_volumes said, out of what ansible printed."""

    def __init__(self, printed: str) -> None:
        _, found, answer = printed.partition(" => ")
        assert found, printed
        said = yaml.safe_load(answer.partition("\n[")[0])
        self.text = "\n".join([said.get("msg", ""), *said["steps"]])
        self.changed = bool(said["changed"])
        self.refused = bool(said.get("problems"))


@pytest.fixture(scope="module")
def lun(lab: Lab, store: Machine, shelf: Machine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Have another LUN, empty. Yields the file behind it."""
    folder = tmp_path_factory.mktemp("shelf")
    luns = lab.inventory.everywhere("shelf_luns")
    more = {"shelf": 1, "slot": SLOT, "path": FILE, "size": "400m", "machines": [store.name]}
    converge(lab, folder, {shelf.name: {"shelf_luns": [*luns, more]}}, "shelf")
    # The module alone is called: what the role's first task would have told LVM of this LUN is told here.
    lab.run(store.name, f"""sed -i.kept 's#"r|^/dev/etherd/|"#"a|^{NODE}$|", &#' {LVM} && grep -q {NODE} {LVM}""")
    yield FILE
    lab.run(store.name, f"vgchange -an spare; vgremove -qy spare; storage abandon spare; mv {LVM}.kept {LVM}", check=False)
    converge(lab, folder, {shelf.name: {"shelf_luns": luns}}, "shelf")
    lab.run(shelf.name, f"rm -f {FILE} /var/lib/posthouse-shelf/1.{SLOT}.made")
    lab.run(store.name, "echo all >/dev/etherd/flush", check=False)


@pytest.fixture
def volumes(lab: Lab, store: Machine, lun: str) -> Volumes:
    """Return what calls the module with some of its options."""
    assert lun
    mtu, vlan = (lab.inventory.everywhere(f"cluster_storage_{name}") for name in ("mtu", "vlan"))

    def call(*, check: bool = False, **given: Any) -> Said:
        options = {"system_id": store.name, "interface": "aoe0", "mtu": mtu, "vlan": vlan, "wait": 3, "devices": [SPARE], "volumes": []}
        options |= {"groups": [{"name": "spare", "devices": ["spare"]}], **given}
        command = ["ansible", store.name, "-i", str(lab.inventory.folder), "-m", "storage_volumes", "-a", json.dumps(options)]
        done = subprocess.run(
            [*command, *(["--check"] if check else [])], cwd=paths.CHECKOUT, capture_output=True, text=True, check=False, timeout=180
        )
        assert "UNREACHABLE" not in done.stdout
        return Said(done.stdout)

    return call


def blank(lab: Lab, store: Machine) -> None:
    lab.run(
        store.name,
        f"storage abandon spare; vgchange -qan spare; vgremove -qyf --config 'local/extra_system_ids=[\"web7\"]' spare; wipefs -qa {NODE}; "
        f"dd if=/dev/zero of={NODE} bs=1M count=2 oflag=direct status=none",
        check=False,
    )


def digest(lab: Lab, shelf: Machine) -> str:
    return lab.run(shelf.name, f"sha256sum {FILE}").split()[0]


def test_data_is_not_touched_and_consent_fits_it_alone(lab: Lab, store: Machine, shelf: Machine, volumes: Volumes) -> None:
    volumes(check=True)
    lab.run(
        store.name, f"echo aoe0 >/dev/etherd/interfaces; echo discover >/dev/etherd/discover; sleep 2; mkfs.ext4 -qF -L photos {NODE}; sync"
    )
    before = digest(lab, shelf)
    said = volumes()
    assert said.refused
    assert "carries something already: ext4 'photos'" in said.text
    assert digest(lab, shelf) == before
    word = re.search(rf"1\.{SLOT}-[0-9a-f]{{12}}", said.text)
    assert word
    wrong = volumes(devices=[{**SPARE, "erase": word[0][:-1] + ("0" if word[0][-1] != "0" else "1")}])
    assert wrong.refused
    assert digest(lab, shelf) == before
    done = volumes(devices=[{**SPARE, "erase": word[0]}])
    assert done.changed, done.text
    assert not volumes(devices=[{**SPARE, "erase": word[0]}]).changed
    blank(lab, store)


def test_bytes_without_a_name_are_data_too(lab: Lab, store: Machine, volumes: Volumes) -> None:
    blank(lab, store)
    lab.run(store.name, f"echo mine | dd of={NODE} bs=512 seek=777 conv=notrunc oflag=sync status=none")
    assert "data of an unknown kind" in volumes().text
    blank(lab, store)


def test_what_is_another_machines_stays_its(lab: Lab, store: Machine, shelf: Machine, volumes: Volumes) -> None:
    blank(lab, store)
    assert volumes().changed
    lab.run(store.name, "vgchange -qy --systemid web7 spare")
    before = digest(lab, shelf)
    assert f"group spare belongs to web7, and this machine is {store.name}" in volumes().text
    assert digest(lab, shelf) == before
    assert "group spare: of apollo, no longer of web7" in volumes(takes_over=["web7"], check=True).text
    assert volumes(takes_over=["web7"]).changed
    other = volumes(groups=[{"name": "letters", "devices": ["spare"]}])
    assert "a part of group spare of apollo" in other.text
    blank(lab, store)


def test_runs_that_ended_half_way_are_completed(lab: Lab, store: Machine, volumes: Volumes) -> None:
    blank(lab, store)
    lab.run(store.name, f"pvcreate -q {NODE}")
    assert volumes().changed
    wanted = [{"name": "one", "group": "spare", "size": "310m", "path": "/srv/none"}]
    lab.run(
        store.name,
        "lvcreate -qy --addtag posthouse_fresh -n one -L 312m spare; dd if=/dev/urandom of=/dev/spare/one bs=64k count=3 status=none",
    )
    # Nothing mounts it here, so this run ends there, too.
    said = volumes(volumes=wanted)
    assert "srv-none.mount" in said.text
    assert lab.run(store.name, "blkid -s TYPE -o value /dev/spare/one; lvs --noheadings -o lv_tags spare/one").split() == ["xfs"]
    lab.run(store.name, "wipefs -qaf /dev/spare/one; mkfs.ext4 -qF /dev/spare/one")
    assert "volume one carries ext4" in volumes(volumes=wanted).text
    lab.run(store.name, "chattr -i /srv/none; rmdir /srv/none")
    blank(lab, store)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"devices": [{"name": "spare", "aoe": "1.99"}]}, "AoE device 1.99 does not answer on aoe0; of shelf 1 there are 1.0"),
        ({"devices": [{"name": "spare", "aoe": "7.0"}]}, "and no shelf 7 is there; there are 1.0"),
        ({"mtu": 9100}, "aoe0 has an MTU of 9000, and 9100 is asked for"),
        ({"vlan": 7}, "aoe0 puts the tag 100 on its frames, and the inventory says the tag 7"),
        ({"interface": "aoe7"}, "there is no interface aoe7"),
        ({"devices": []}, "take it out of the group storage"),
    ],
)
def test_what_is_not_as_promised_is_said(volumes: Volumes, options: dict[str, Any], sentence: str) -> None:
    said = volumes(**options)
    assert said.refused
    assert sentence in said.text


def test_a_switch_with_a_smaller_mtu_is_found_by_a_real_frame(store: Machine, volumes: Volumes) -> None:
    # The way from the switch to this machine, as the host's bridge has it; small frames pass.
    port = f"ph-{store.name}-1"
    before = Path(f"/sys/class/net/{port}/mtu").read_text().strip()
    try:
        subprocess.run(["ip", "link", "set", port, "mtu", "4000"], check=True)
        said = volumes()
    finally:
        subprocess.run(["ip", "link", "set", port, "mtu", before], check=True)
    assert said.refused
    # Neither way: a virtual cable is as narrow as its narrower end.
    assert f"a packet of 9000 bytes does not reach 1.{SLOT}" in said.text
    assert "its path has a smaller MTU" in said.text
