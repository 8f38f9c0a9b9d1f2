"""What becomes of a machine's disks: from what is promised and what there is to steps, or to reasons for none."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from module_utils.lvm import plan, wanted
from module_utils.lvm.seen import Content, Disk, Part, Point, Seen, SeenGroup, SeenVolume, Signature, consent

GIB, MIB = 1 << 30, 1 << 20
EXTENT = 4 * MIB
EXT4 = Content((Signature("ext4", "6f3a", "old", "0x438"),), dirty=True, head="abc")
XFS = Content((Signature("xfs", "8eed"),), dirty=True)
OPTIONS: dict[str, Any] = {
    "system_id": "apollo",
    "takes_over": [],
    "devices": [{"name": "mail1", "aoe": "1.0"}, {"name": "mail2", "aoe": "1.1"}],
    "groups": [{"name": "mail", "devices": ["mail1"]}],
    "volumes": [{"name": "home", "group": "mail", "size": "50%", "path": "/mnt/home"}],
}


def promised(**changes: Any) -> wanted.Wanted:
    return wanted.read({**OPTIONS, **changes})


def disk(slot: str, size: int = GIB, content: Content | None = None, users: tuple[str, ...] = ()) -> Disk:
    node = f"/dev/etherd/e{slot}"
    return Disk(node, node, size, f"vblade {slot}:san1", content or Content(), users)


def empty() -> Seen:
    return Seen(disks={"mail1": disk("1.0"), "mail2": disk("1.1")}, points={"/mnt/home": Point("/mnt/home")})


def complete(**changes: Any) -> Seen:
    """A machine on which everything is as promised. changes: of the volume."""
    part = Part("/dev/etherd/e1.0", "pv", "mail", GIB - EXTENT)
    group = SeenGroup("mail", "vg", "apollo", GIB - EXTENT, GIB // 2, EXTENT, parts=(part,))
    size = 127 * EXTENT
    volume = SeenVolume("mail", "home", size, active=True, content=XFS, built=True, data=size)
    return Seen(
        disks={"mail1": disk("1.0", content=EXT4), "mail2": disk("1.1")},
        groups=[group],
        parts=[part],
        volumes={("mail", "home"): dataclasses.replace(volume, **changes)},
        points={"/mnt/home": Point("/mnt/home", exists=True, source="/dev/mail/home", ready=True)},
        units={"dovecot.service": True},
    )


def kinds(seen: Seen, **changes: Any) -> list[str]:
    decided = plan.decide(promised(**changes), seen)
    assert not decided.problems, decided.problems
    return [step.kind for step in decided.steps]


def refused(seen: Seen, **changes: Any) -> str:
    decided = plan.decide(promised(**changes), seen)
    assert decided.problems
    assert not decided.steps, "a refusal changes nothing"
    return "\n".join(decided.problems)


def test_an_empty_disk_becomes_a_mounted_file_system() -> None:
    assert kinds(empty()) == ["create", "volume", "format", "point", "mount"]


def test_a_machine_as_promised_is_left_alone() -> None:
    assert kinds(complete()) == []


def test_data_is_never_formatted() -> None:
    seen = empty()
    seen.disks["mail1"] = disk("1.0", content=EXT4)
    said = refused(seen)
    assert "mail1 (/dev/etherd/e1.0) carries something already: ext4 'old' 6f3a" in said
    assert f'erase: "{consent(seen.disks["mail1"], "1.0", None)}"' in said


def test_a_byte_without_a_signature_is_something_too() -> None:
    seen = empty()
    seen.disks["mail1"] = disk("1.0", content=Content(dirty=True, head="abc"))
    assert "data of an unknown kind" in refused(seen)


def test_consent_is_for_one_disk_and_what_it_carries_now() -> None:
    seen = empty()
    seen.disks["mail1"] = disk("1.0", content=EXT4)
    word = consent(seen.disks["mail1"], "1.0", None)

    def devices(erase: str) -> list[dict[str, str]]:
        return [{"name": "mail1", "aoe": "1.0", "erase": erase}, {"name": "mail2", "aoe": "1.1"}]

    assert kinds(seen, devices=devices(word)) == ["erase", "create", "volume", "format", "point", "mount"]
    seen.disks["mail1"] = disk("1.0", content=dataclasses.replace(EXT4, signatures=(Signature("ext4", "other", "old", "0x438"),)))
    assert f"The consent {word} is for something else" in refused(seen, devices=devices(word))
    # Tables of partitions have no ids, so that every one of them looks the same.
    table = Content((Signature("gpt", offset="0x200"),), dirty=True, head="abc")
    seen.disks["mail1"] = disk("1.0", content=table)
    of_table = consent(seen.disks["mail1"], "1.0", None)
    seen.disks["mail1"] = disk("1.0", content=dataclasses.replace(table, head="def"))
    assert f"The consent {of_table} is for something else" in refused(seen, devices=devices(of_table))
    # A disk that is mounted is not erased with any consent.
    seen.disks["mail1"] = disk("1.0", content=EXT4, users=("mounted at /srv",))
    assert "is in use (mounted at /srv)" in refused(seen, devices=devices(word))
    # … and consent that nobody needs changes nothing.
    assert kinds(complete(), devices=devices(word)) == []


def test_a_group_of_another_machine_is_not_touched() -> None:
    seen = complete()
    seen.groups[0] = dataclasses.replace(seen.groups[0], owner="artemis")
    assert "belongs to artemis, and this machine is apollo" in refused(seen)
    assert kinds(seen, takes_over=["artemis"]) == ["owner"]


def test_what_is_taken_over_is_looked_at_before_anything_else() -> None:
    seen = complete(active=False, content=None, built=False, data=0)
    seen.groups[0] = dataclasses.replace(seen.groups[0], owner="artemis")
    decided = plan.decide(promised(takes_over=["artemis"]), seen)
    assert [step.kind for step in decided.steps] == ["owner", "activate"]


def test_volumes_are_made_when_the_groups_real_size_is_known() -> None:
    decided = plan.decide(promised(), empty())
    assert [step.kind for step in decided.first()] == ["create"]
    seen = complete(data=100 * EXTENT)
    assert [step.kind for step in plan.decide(promised(), seen).first()] == ["grow"]


def test_a_head_that_leaves_no_room_is_no_growth() -> None:
    seen = complete()
    part = dataclasses.replace(seen.parts[0], size=GIB - 8 * EXTENT, head=7 * EXTENT + MIB)
    seen.groups[0] = dataclasses.replace(seen.groups[0], size=part.size, parts=(part,))
    assert kinds(seen, volumes=[{**OPTIONS["volumes"][0], "size": "40%"}]) == []


def test_a_part_of_another_group_is_not_taken() -> None:
    seen = complete()
    part = Part("/dev/etherd/e1.1", "pv2", "photos", GIB)
    seen.groups.append(SeenGroup("photos", "vg2", "web7", GIB, 0, EXTENT, parts=(part,)))
    seen.parts.append(part)
    seen.disks["mail2"] = disk("1.1", content=Content((Signature("LVM2_member", "pv2"),), dirty=True))
    assert "a part of group photos of web7" in refused(seen, groups=[{"name": "mail", "devices": ["mail1", "mail2"]}])


def test_a_label_of_lvm_that_was_never_in_a_group_is_from_an_interrupted_run() -> None:
    seen = empty()
    seen.disks["mail1"] = disk("1.0", content=Content((Signature("LVM2_member", "pv"),), dirty=True))
    seen.parts = [Part("/dev/etherd/e1.0", "pv", "", GIB, used=False)]
    assert kinds(seen)[0] == "create"
    # One whose group was removed has its volumes still.
    label = seen.disks["mail1"].content
    seen.disks["mail1"] = disk("1.0", content=dataclasses.replace(label, deep=True))
    assert "LVM2_member" in refused(seen)
    seen.disks["mail1"] = disk("1.0", content=label)
    # One whose group cannot be read is somebody's data.
    seen.parts = [Part("/dev/etherd/e1.0", "pv", "", GIB, used=True)]
    assert "LVM2_member" in refused(seen)


def test_interrupted_runs_are_completed() -> None:
    seen = complete()
    seen.volumes.clear()
    seen.points["/mnt/home"] = Point("/mnt/home")
    seen.units.clear()
    assert kinds(seen) == ["volume", "format", "point", "mount"]
    # The volume is there, with its tag; mkfs had not begun, or was in the middle.
    for left in (Content(), XFS):
        seen.volumes["mail", "home"] = SeenVolume("mail", "home", 127 * EXTENT, active=True, fresh=True, content=left)
        assert kinds(seen) == ["format", "point", "mount"]
    # A file system that is whole is never made again, whatever the tag says: somebody may have written since.
    seen.volumes["mail", "home"] = SeenVolume("mail", "home", 127 * EXTENT, True, True, content=XFS, built=True, data=127 * EXTENT)
    assert kinds(seen) == ["formatted", "point", "mount"]


def test_a_takeover_makes_nothing() -> None:
    said = refused(empty(), takes_over=["apollo"])
    assert "a takeover makes nothing, and this one would: group mail: made on /dev/etherd/e1.0" in said


def test_an_empty_disk_where_mail_was_is_not_a_new_one() -> None:
    seen = empty()
    seen.made = {"mail": "h3xMdH", "mail/home": "h3xMdH"}
    said = refused(seen)
    assert "group mail was made by this machine before (h3xMdH), and is not there: has the shelf another disk" in said
    assert "'storage abandon mail'" in said
    assert "volume mail/home was made by this machine before" in said
    seen.made = {"photos": "other"}
    assert "create" in kinds(seen)
    # A whole machine that remembers is left alone, and grows.
    there = complete()
    there.made = {"mail": "vg", "mail/home": "vg"}
    there.disks["mail1"] = disk("1.0", 2 * GIB)
    assert kinds(there) == ["resize", "lengthen", "grow"]


def test_a_volume_whose_head_is_empty_is_mended_and_not_formatted() -> None:
    assert "xfs_repair" in refused(complete(content=Content(), built=False, data=0))


def test_a_volume_with_something_else_is_not_formatted() -> None:
    said = refused(complete(content=EXT4, built=False, data=0))
    assert "volume home carries ext4 'old' 6f3a, and no XFS" in said


def test_a_lun_that_grew_grows_group_volume_and_file_system() -> None:
    seen = complete()
    seen.disks["mail1"] = disk("1.0", 2 * GIB, EXT4)
    assert kinds(seen) == ["resize", "lengthen", "grow"]


def test_a_second_lun_extends_the_group() -> None:
    assert kinds(complete(), groups=[{"name": "mail", "devices": ["mail1", "mail2"]}]) == ["extend", "lengthen", "grow"]


def test_growth_that_ended_before_the_file_system_is_completed() -> None:
    assert kinds(complete(data=100 * EXTENT)) == ["grow"]


def test_nothing_shrinks() -> None:
    volumes = [{**OPTIONS["volumes"][0], "size": "400m"}]
    assert "XFS does not shrink. Write 508m" in refused(complete(), volumes=volumes)
    # A share of a group that lost room is no demand to shrink.
    assert kinds(complete(), volumes=[{**OPTIONS["volumes"][0], "size": "40%"}]) == []


def test_what_does_not_fit_is_refused_before_anything_is_made() -> None:
    volumes = [*OPTIONS["volumes"], {"name": "queue", "group": "mail", "size": "600m", "path": "/var/spool/postfix"}]
    seen = empty()
    seen.points["/var/spool/postfix"] = Point("/var/spool/postfix")
    assert "group mail has 1020 MiB for its volumes, and they ask for 1108 MiB" in refused(seen, volumes=volumes)


def test_snapshots_count_and_keep_their_volume_from_growing() -> None:
    seen = complete(snapshots=("home.night",))
    seen.volumes["mail", "home.night"] = SeenVolume("mail", "home.night", 20 * EXTENT, active=True)
    seen.groups[0] = dataclasses.replace(seen.groups[0], free=GIB // 2 - 80 * MIB)
    assert kinds(seen) == []
    assert "cannot grow while it has snapshots (home.night)" in refused(seen, volumes=[{**OPTIONS["volumes"][0], "size": "60%"}])
    assert "80 MiB of it are other volumes" in refused(seen, volumes=[{**OPTIONS["volumes"][0], "size": "100%"}])


def test_mail_that_a_mount_would_hide_is_named() -> None:
    seen = empty()
    seen.points["/mnt/home"] = Point("/mnt/home", exists=True, hidden=("/mnt/home/anna/Maildir/new/1",))
    assert "/mnt/home has files of its own (/mnt/home/anna/Maildir/new/1)" in refused(seen)
    seen.points["/mnt/home"] = Point("/mnt/home", exists=True)
    seen.units = {"dovecot.service": True, "postfix.service": False}
    assert "/mnt/home is not mounted, and dovecot.service run" in refused(seen)
    seen.points["/mnt/home"] = Point("/mnt/home", exists=True, ready=True)
    assert "mount" in kinds(seen)


def test_a_mount_of_something_else_stays() -> None:
    seen = complete()
    seen.points["/mnt/home"] = Point("/mnt/home", exists=True, source="/dev/sdb1")
    assert "/mnt/home is a mount of /dev/sdb1 already" in refused(seen)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"missing": 1}, "misses 1 of its devices"),
        ({"exported": True}, "is exported"),
        ({"parts": (Part("/dev/etherd/e1.0", "a", "mail", GIB), Part("/dev/sdq", "b", "mail", GIB))}, "also lies on /dev/sdq"),
    ],
)
def test_a_group_that_is_not_whole_is_not_used(change: dict[str, Any], sentence: str) -> None:
    seen = complete()
    seen.groups[0] = dataclasses.replace(seen.groups[0], **change)
    assert sentence in refused(seen)


def test_two_groups_of_one_name_are_told_apart_by_nobody() -> None:
    seen = complete()
    seen.groups.append(dataclasses.replace(seen.groups[0], uuid="other", owner="artemis"))
    assert "there are 2 groups called mail, of apollo and artemis" in refused(seen)


def test_a_disk_that_is_not_there_is_named() -> None:
    seen = empty()
    del seen.disks["mail1"]
    said = refused(seen)
    assert "device mail1 (/dev/etherd/e1.0) is not there" in said
    assert said.count("\n") == 0, "what follows from it is no reason of its own"


def test_a_lun_that_became_smaller_is_not_used() -> None:
    seen = complete()
    seen.disks["mail1"] = disk("1.0", GIB - 8 * EXTENT)
    assert "device mail1 (/dev/etherd/e1.0) has 992 MiB, and its group has 1020 MiB on it" in refused(seen)
