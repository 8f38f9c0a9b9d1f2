"""Promises about disks that cannot be kept are told as sentences, all at once."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from module_utils.lvm import wanted

GOOD: dict[str, Any] = {
    "system_id": "apollo",
    "takes_over": [],
    "devices": [{"name": "mail1", "aoe": "1.0"}, {"name": "local", "path": "/dev/disk/by-id/virtio-1"}],
    "groups": [{"name": "mail", "devices": ["mail1"]}],
    "volumes": [{"name": "home", "group": "mail", "size": "1.5g", "path": "/mnt/home"}],
}


def test_sizes_and_nodes() -> None:
    read = wanted.read(GOOD)
    assert read.volumes[0].amount == 3 << 29
    assert read.volumes[0].node == "/dev/mail/home"
    assert [device.node for device in read.devices.values()] == ["/dev/etherd/e1.0", "/dev/disk/by-id/virtio-1"]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"devices": []}, "take it out of the group storage"),
        ({"devices": [{"name": "mail1"}]}, "device mail1: say either aoe (shelf and slot) or path"),
        ({"devices": [{"name": "mail1", "path": "/dev/sdb"}]}, "/dev/sdb may be another disk after the next boot"),
        ({"devices": [{"name": "mail1", "aoe": "1.0"}] * 2}, "device mail1 stands there 2 times"),
        ({"groups": [{"name": "mail", "devices": []}]}, "group mail lies on no device"),
        ({"groups": [{"name": "mail", "devices": ["mail9"]}]}, "there is no device mail9"),
        ({"groups": [{"name": "ma/il", "devices": ["mail1"]}]}, "ma/il is no name that LVM takes"),
        ({"volumes": [{**GOOD["volumes"][0], "size": "much"}]}, "'much' is no size: 600m, 20g, 1.5t or 80%"),
        ({"volumes": [{**GOOD["volumes"][0], "size": "101%"}]}, "101% of a group is no share of it"),
        ({"volumes": [{**GOOD["volumes"][0], "group": "post"}]}, "there is no group post"),
        ({"volumes": [{**GOOD["volumes"][0], "path": "home"}]}, "home is no path"),
        ({"volumes": [*GOOD["volumes"], {**GOOD["volumes"][0], "name": "a", "path": "/mnt/home/a"}]}, "/mnt/home/a lies below /mnt/home"),
    ],
)
def test_what_makes_no_sense_is_said(change: dict[str, Any], sentence: str) -> None:
    with pytest.raises(wanted.WantedError) as told:
        wanted.read({**copy.deepcopy(GOOD), **change})
    assert sentence in str(told.value)
