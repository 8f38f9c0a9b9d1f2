"""Where the file systems of this bench lie: two LUNs of its own on the shelf, beside those that carry mail; gone afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from bench.mail.cluster import BenchError, Cluster
from bench.storage.cases import LOCAL, SYNCED, UNSYNCED, Case
from frontdoor import paths, standing

#: Shelf and slot of a LUN, and whether its writes are synced.
SHELF = 90
SLOTS = {SYNCED: 0, UNSYNCED: 1}
FOLDER = "/srv/posthouse-bench"
PLACE = "/srv/posthouse-bench"
MEGABYTES = 400
GROUP = "posthousebench"
#: LVM reads no LUN that the inventory does not name (role storage).
READS_ALL = """--config 'devices/global_filter=["a|.*|"]'"""


class Ground:
    """The mailstore with storage, and its shelf."""

    def __init__(self, cluster: Cluster) -> None:
        """Cluster: of an inventory with storage."""
        self.cluster = cluster
        self.store = cluster.store
        self.shelf = cluster.site.machines("shelf")[0]
        self.card = cluster.site.hosts[self.store.name]["storage_hardware_address"].lower().replace(":", "")

    @contextmanager
    def disks(self) -> Iterator[None]:
        """Have both LUNs, with a volume each, for the time of the bench."""
        self._forget()
        try:
            for synced, slot in SLOTS.items():
                self._export(slot, synced == SYNCED)
            self._assemble()
            yield
        finally:
            self._forget()

    def _export(self, slot: int, synced: bool) -> None:
        file = f"{FOLDER}/{slot}.img"
        # Written once, so that no case pays for the file's first blocks.
        made = f"mkdir -p {FOLDER} && head -c {MEGABYTES}M /dev/zero >{file} && sync {file}"
        unit = f"systemd-run -q --collect --unit=posthouse-bench-{slot}"
        vblade = f"$(command -v vblade) -m {self.card} {'-s' if synced else ''} {SHELF} {slot} aoe0 {file}"
        self.cluster.run(self.shelf, f"{made} && {unit} {vblade}")

    def _assemble(self) -> None:
        for name, slot in SLOTS.items():
            device = f"/dev/etherd/e{SHELF}.{slot}"
            lines = [
                f"for i in $(seq 60); do echo discover >/dev/etherd/discover; test -b {device} && break; sleep 0.5; done; test -b {device}",
                f"vgcreate {READS_ALL} -q -y --setautoactivation n {GROUP}{name} {device}",
                f"lvcreate {READS_ALL} -q -y -W n -l 100%FREE -n mail {GROUP}{name}",
            ]
            self.cluster.run(self.store, " && ".join(lines))

    def _forget(self) -> None:
        """Take everything away, also of a bench that was killed."""
        lines = [f"mountpoint -q {PLACE} && umount {PLACE}"]
        for name, slot in SLOTS.items():
            group, device = f"{READS_ALL} -q -y {GROUP}{name}", f"{READS_ALL} -q -y /dev/etherd/e{SHELF}.{slot}"
            lines += [f"vgchange -an {group} && vgremove {group}; pvremove {device}"]
        # The kernel forgets devices that nobody has open.
        lines += ["echo all >/dev/etherd/flush"]
        self.cluster.run(self.store, "; ".join([*lines, f"rm -rf {PLACE} {PLACE}-local"]) + " 2>/dev/null", check=False)
        units = " ".join(f"posthouse-bench-{slot}" for slot in SLOTS.values())
        self.cluster.run(self.shelf, f"systemctl stop {units} 2>/dev/null; rm -rf {FOLDER}", check=False)

    @contextmanager
    def mounted(self, case: Case) -> Iterator[str]:
        """Have a case's file system, new and empty, where homes of the bench are. Yields that place."""
        prepare = f"mkdir -p {PLACE} {PLACE}-local"
        local = f"mount --bind {PLACE}-local {PLACE}"
        mount = local if case.disk == LOCAL else case.commands(f"/dev/{GROUP}{case.disk}/mail", PLACE)
        # As tmpfiles.d does it for /mnt/home: Dovecot's processes make homes there.
        self.cluster.run(self.store, f"{prepare} && {mount} && chown root:posthouse-home {PLACE} && chmod 1770 {PLACE}")
        try:
            yield PLACE
        finally:
            # An idle process of LMTP may stand in the home that it last delivered to.
            gone = f"umount {PLACE} 2>/dev/null || {{ pkill -x lmtp; sleep 1; umount {PLACE}; }}"
            self.cluster.run(self.store, f"{{ {gone}; }} && rm -rf {PLACE}-local")


def ground() -> Ground:
    """Return the ground of the lab with storage. Raises BenchError when there is none."""
    if standing.inventory() != paths.STORAGE_INVENTORY:
        raise BenchError("the lab that is up has no storage: ./lab up --storage brings it")
    cluster = Cluster(paths.STORAGE_INVENTORY, PLACE)
    with_disks = cluster.site.groups.get("storage", [])
    stores = [machine for machine in cluster.site.machines("mailstore") if machine.name in with_disks]
    if not stores:
        raise BenchError("no mailstore has storage; ./lab up --storage brings one")
    cluster.store = stores[0]
    return Ground(cluster)
