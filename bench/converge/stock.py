"""The first peer: the same resources as stock Ansible tasks, one each."""

from __future__ import annotations

from typing import Any

from bench.converge.machines import Machine, Workshop


def plays(machines: list[Machine], workshop: Workshop) -> list[dict[str, Any]]:
    """Return a play for every set of machines that share resources, the largest first.

    So every task runs on all machines that need it at once, which is the best stock Ansible can do.
    """
    sharing: dict[tuple[str, str], list[Machine]] = {}
    for machine in machines:
        for resource in machine.resources:
            sharing.setdefault((resource["kind"], resource["name"]), []).append(machine)
    groups: dict[tuple[str, ...], list[tuple[str, str]]] = {}
    for key, members in sharing.items():
        groups.setdefault(tuple(machine.name for machine in members), []).append(key)
    result = []
    by_name = {machine.name: {(found["kind"], found["name"]): found for found in machine.resources} for machine in machines}
    for names in sorted(groups, key=len, reverse=True):
        tasks = [task(*key, [by_name[name][key] for name in names], names, workshop) for key in groups[names]]
        result.append({"name": f"Stock on {', '.join(names)}", "hosts": ",".join(names), "gather_facts": False, "tasks": tasks})
    return result


def task(kind: str, name: str, resources: list[dict[str, Any]], machines: tuple[str, ...], workshop: Workshop) -> dict[str, Any]:
    """Return the task for one resource. Where machines differ in an attribute, the task looks the machine's own up."""

    def own(key: str) -> Any:
        values = [resource[key] for resource in resources]
        if all(value == values[0] for value in values):
            return values[0]
        return "{{ " + repr(dict(zip(machines, values, strict=True))) + "[inventory_hostname] }}"

    action: dict[str, Any]
    if kind == "package":
        module, action = "ansible.builtin.apt", {"name": name, "state": "present"}
    elif kind == "file":
        source = f"{workshop.directory}/files/{{{{ inventory_hostname }}}}{name}"
        module, action = "ansible.builtin.copy", {"src": source, "dest": name, **{key: own(key) for key in ("owner", "group", "mode")}}
    elif kind == "link":
        module, action = "ansible.builtin.file", {"path": name, "src": own("target"), "state": "link", "follow": False}
    elif kind == "directory":
        module, action = "ansible.builtin.file", {"path": name, "state": "directory"}
        action |= {key: own(key) for key in ("owner", "group", "mode")}
    elif kind == "group":
        module, action = "ansible.builtin.group", {"name": name}
    elif kind == "user":
        module, action = "ansible.builtin.user", {"name": name, "group": own("group"), "home": own("home"), "shell": own("shell")}
        action["create_home"] = False
    else:
        module, action = "ansible.builtin.systemd_service", {"name": name}
        if resources[0]["masked"]:
            action["masked"] = True
        else:
            if resources[0]["enabled"] is not None:
                action["enabled"] = own("enabled")
            action["state"] = "started" if resources[0]["running"] else "stopped"
    return {"name": f"{kind} {name}", module: action}
