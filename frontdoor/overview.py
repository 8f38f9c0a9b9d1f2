"""What runs, and whether it answers."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from frontdoor import depot, engine, network, paths, shell, ssh, standing
from frontdoor.errors import Refused
from frontdoor.landscape import Landscape


def states() -> dict[str, str]:
    """State of each of our containers, by name; asks podman only when the lab has been up since boot."""
    if not (paths.STORE.exists() and (paths.RUN / "libpod").exists()):
        return {}
    return {str(one["Names"][0]): str(one["State"]) for one in engine.containers()}


def _opinion(name: str) -> str:
    """Ask systemd; a machine that hangs is one that does not answer, whatever the others do."""
    try:
        seen = shell.run(ssh.command(name, "systemctl", "is-system-running", reuse=False), check=False, timeout=8)
    except Refused:
        return "no answer"
    return seen.stdout.strip() or "no answer"


def look() -> dict[str, Any]:
    """Each machine's container state, systemd's own opinion of itself, and the depot."""
    inventory = Landscape(standing.inventory())
    there = states()

    def opinion(name: str) -> dict[str, str]:
        host = inventory.hosts[name]
        state = there.get(name, "absent")
        system = "-"
        if state == "running":
            system = _opinion(name)
        legs = " ".join(str(host[key]) for key in ("address", "public_address") if key in host)
        return {"machine": name, "address": legs, "container": state, "system": system}

    with ThreadPoolExecutor(max_workers=4) as pool:
        rows = list(pool.map(opinion, inventory.hosts))
    strangers = sorted(set(there) - set(inventory.hosts) - {depot.NAME})
    return {
        "up": all(row["container"] == "running" and row["system"] in ("running", "degraded") for row in rows),
        "machines": rows,
        "depot": there.get(depot.NAME, "absent"),
        "others": strangers,
        "bridges": network.bridges(),
        "cache": str(paths.CACHE),
    }


def table(found: dict[str, Any]) -> str:
    """The same for people."""
    lines = [f"{'machine':<10} {'address':<30} {'container':<10} system"]
    lines += [f"{row['machine']:<10} {row['address']:<30} {row['container']:<10} {row['system']}" for row in found["machines"]]
    lines.append(f"{'depot':<10} {'cache of packages':<30} {found['depot']}")
    lines += [f"{name:<10} not in the inventory" for name in found["others"]]
    return "\n".join(lines)
