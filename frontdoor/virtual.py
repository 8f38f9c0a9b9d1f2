"""Virtual machines: each is a container whose main process is qemu, so that the lab starts, stops and removes it as any other.

Stopping the container presses the power button; killing it is a power cut: the disk is a plain file, so what the guest had written
is there and nothing else is, as after a real one.
"""

import base64
import json
import shlex
import shutil
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from frontdoor import engine, host, network, shell, ssh, virtual_image
from frontdoor.inventory import Machine

BOOT = 240.0  # seconds until it lets us in, emulated, on a machine that does other things too
STOP = 120  # seconds that it has to shut down

_STORE = "var/lib/machine"
_PROGRAM = "usr/local/libexec/hypervisor.py"
_MACHINE = [
    *("qemu-system-x86_64", "-nodefaults", "-display", "none", "-no-user-config"),
    # No KVM: emulation is everywhere the same. A processor without AVX boots in half the time that "max" takes; tb-size bounds
    # qemu's own memory for translated code (megabytes). What a board has besides would only cost the guest its drivers.
    *("-machine", "q35,usb=off,vmport=off,sata=off,smbus=off,i8042=off,smm=off", "-cpu", "Westmere,+rdrand"),
    *("-accel", "tcg,thread=multi,tb-size=256", "-rtc", "clock=host"),
    *("-qmp", "unix:/run/control,server=on,wait=off"),
    *("-chardev", "socket,id=console,path=/run/console,server=on,wait=off,logfile=/var/log/console.log", "-serial", "chardev:console"),
    *("-object", "rng-random,id=entropy,filename=/dev/urandom", "-device", "virtio-rng-pci,rng=entropy"),
    *("-kernel", f"/{_STORE}/vmlinuz", "-initrd", f"/{_STORE}/initrd.img"),
    # A flush costs nothing here and loses nothing: a power cut ends qemu, not this host.
    *("-drive", f"file=/{_STORE}/disk.img,format=raw,if=virtio,cache=unsafe,discard=unmap"),
]
_KERNEL = [
    *("root=/dev/vda", "rw", "rootflags=noinit_itable", "console=ttyS0", "quiet"),
    # The guest's seconds are not the processor's: a host that is busy would be taken for a hanging kernel.
    *("nowatchdog", "rcupdate.rcu_cpu_stall_suppress=1", "tsc=nowatchdog", "mitigations=off"),
    # Nothing here needs them, and each takes a second to load.
    "modprobe.blacklist=cfg80211,configfs,drm,efi_pstore,fuse,pcspkr,iTCO_wdt",
    # There is no vsock for ssh; the serial line has a root shell instead of a login (systemd-debug-generator(8)).
    *("systemd.show_status=no", "systemd.ssh_auto=no", "systemd.getty_auto=no", "systemd.debug_shell=ttyS0"),
]


def words(machine: Machine) -> list[str]:
    """The words with which qemu is started."""
    assert machine.virtual
    shape = ["-smp", str(machine.virtual.processors), "-m", str(machine.virtual.memory)]
    cards = []
    for number, leg in enumerate(network.legs(machine)):
        cards += ["-netdev", f"tap,id=net{number},ifname=tap{number},script=no,downscript=no"]
        cards += ["-device", f"virtio-net-pci,id=card{number},netdev=net{number},mac={leg.hardware}"]
    given = []
    for name in credentials(machine):
        given += ["-fw_cfg", f"name=opt/io.systemd.credentials/{name},file=/{_STORE}/credentials/{name}"]
    return [*_MACHINE, *shape, *cards, *given, "-append", " ".join(_KERNEL)]


def credentials(machine: Machine) -> dict[str, str]:
    """What the machine is told from outside, as an installer would, by name (systemd.system-credentials(7))."""
    key = ssh.host_key(machine.name)
    resolvers = "".join(f"nameserver {address}\n" for address in machine.resolvers)
    search = f"search {machine.domain}\n" if machine.domain else ""
    files = [
        ("/etc/ssh/ssh_host_ed25519_key", "0600", key.read_text()),
        ("/etc/ssh/ssh_host_ed25519_key.pub", "0644", key.with_name(key.name + ".pub").read_text()),
        ("/root/.ssh/authorized_keys", "0600", ssh.authorized_key() + "\n"),
        ("/etc/apt/sources.list.d/debian.sources", "0644", machine.sources),
        ("/etc/hostname", "0644", machine.name + "\n"),
        ("/etc/hosts", "0644", "127.0.0.1 localhost\n::1 localhost\n"),
        ("/etc/resolv.conf", "0644", search + resolvers),
    ]
    # Written where they are missing, so that what roles make of them outlives a reboot (tmpfiles.d(5): f, and ~ for base64).
    lines = [f"f~ {path} {mode} root root - {base64.b64encode(text.encode()).decode()}\n" for path, mode, text in files]
    campus = network.legs(machine)[0]
    addresses = "".join(f"\n[Address]\nAddress={address}\nDuplicateAddressDetection=none\n" for address in campus.addresses)
    return {
        "tmpfiles.extra": "".join(lines),
        "system.hostname": machine.name,
        "network.network.10-campus": f"[Match]\nMACAddress={campus.hardware}\n\n[Network]\nIPv6AcceptRA=no\n{addresses}",
    }


def create(machine: Machine, labels: dict[str, str], mirror: str = "") -> None:
    """Make the container of a virtual machine, which has its cables already."""
    options = ["create", "--name", machine.name, "--no-hosts", "--pids-limit=-1", "--systemd=false", "--privileged"]
    options += [f"--cgroup-parent={engine.CGROUP_PARENT}", f"--stop-timeout={STOP}", f"--network=ns:{network.space(machine.name)}"]
    options += [word for label, value in labels.items() for word in ("--label", f"{label}={value}")]
    engine.podman(*options, virtual_image.HYPERVISOR, "python3", "-I", f"/{_PROGRAM}", "run", *words(machine))
    root = Path(engine.podman("mount", machine.name).stdout.strip())
    try:
        _furnish(machine, root, virtual_image.folder(host.mirror(mirror)))
    finally:
        engine.podman("unmount", machine.name, check=False)


def _furnish(machine: Machine, root: Path, source: Path) -> None:
    store = root / _STORE
    (store / "credentials").mkdir(parents=True)
    store.chmod(0o700)
    for name, text in credentials(machine).items():
        (store / "credentials" / name).write_text(text)
    for file in ("vmlinuz", "initrd.img"):
        shutil.copyfile(source / file, store / file)
    # A copy that knows holes: the disk is sparse (cp(1)).
    shell.run(["cp", "--sparse=always", str(source / "disk.img"), str(store / "disk.img")])
    # Last: is_furnished looks for it.
    program = root / _PROGRAM
    program.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(Path(__file__).with_name("hypervisor.py"), program)


def is_furnished(name: str) -> bool:
    """Whether a machine that is off has its disk: a run that was killed while it copied it left a container that never boots."""
    try:
        return (Path(engine.podman("mount", name).stdout.strip()) / _PROGRAM).exists()
    finally:
        engine.podman("unmount", name, check=False)


def ask(name: str, command: str, arguments: Mapping[str, Any]) -> Any:
    """Send qemu one command of its machine protocol and return the answer."""
    said = engine.podman("exec", name, "python3", "-I", f"/{_PROGRAM}", "ask", command, json.dumps(arguments))
    return json.loads(said.stdout)


def power_cut(name: str) -> None:
    """Switch a machine off as a fuse does; what was not on its disk is lost. Starting it again is ``power_on``."""
    engine.podman("kill", "--signal", "KILL", name)


def power_on(name: str) -> None:
    """Start a machine that is off, and wait until it lets us in."""
    ssh.hang_up()
    engine.podman("start", name)
    await_boot(name)


def await_boot(name: str) -> None:
    """Wait until a machine lets us in, and set its clock: it began with full seconds of the board's, up to one behind ours."""
    if ssh.refusal(name, BOOT / 2, "true"):
        # Seen once in a hundred boots: emulation loses an interrupt while the kernel starts, and every processor idles for ever.
        ask(name, "system_reset", {})
    ssh.wait(name, BOOT)
    # The second is taken when the way there stands; what is left is that of one line.
    words = ssh.command(name, "echo there; read -r now; date --set @$now", reuse=False)
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as way:
        assert way.stdin
        assert way.stdout
        if way.stdout.readline():
            way.communicate(f"{time.time():.6f}\n", timeout=30)


def plug(machine: Machine, leg: int, plugged: bool) -> None:
    """Pull one cable of a machine, virtual or not, or put it back; both ends see it."""
    network.plug(machine.name, leg, plugged)
    if machine.virtual:
        ask(machine.name, "set_link", {"name": f"card{leg}", "up": plugged})


def console(name: str) -> str:
    """The command for the serial console of a machine, to be typed; ^] leaves it."""
    return shlex.join(engine.command("exec", "--interactive", "--tty", name, "python3", f"/{_PROGRAM}", "console"))
