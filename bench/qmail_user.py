#!/usr/bin/env python3
"""How long it takes to make people, and to find them all as they should be, with qmail_user and with what others use.

Everybody works on a slapd of their own, with the configuration of the role directory, over its unix socket.
  qmail_user           the module's work as it happens on the machine, in a process of its own
  qmail_user task      the same as an Ansible task that reads its objects from a file, with ansible-playbook's own start
  qmail_user in vars   the same with all objects in a variable, which ansible-core carries through its templates
  ldapadd, ldapsearch  the floor: nothing is compared, nothing is checked
  ldap_entry           community.general.ldap_entry in a loop, over a sample; the rest is calculated
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.private_slapd import SUFFIX, PrivateSlapd  # noqa: E402  the line above makes it findable

# What the machine runs, without Ansible around it: one process that reads its objects from a file.
WORKER = """
import json, sys, time
began = time.perf_counter()
sys.path.insert(0, sys.argv[1])
from module_utils.qmail_user.converge import converge
call = json.load(open(sys.argv[2]))
result = converge(call["objects"], call["options"], check=False, diff=False)
print(json.dumps(result["counts"] | {"searches": result["searches"]}))
"""


def people(count: int) -> list[dict[str, Any]]:
    """Invent people as an inventory would name them."""
    return [
        {
            "uid": f"person{number:06}",
            "objectClass": ["inetOrgPerson", "posixAccount", "qmailUser"],
            "cn": f"Person Number {number}",
            "sn": f"Number {number}",
            "mail": f"person{number:06}@madstop.test",
            "mailAlternateAddress": [f"p.{number:06}@madstop.test", f"person{number:06}@alumni.madstop.test"],
            "mailHost": f"{'hermes' if number % 2 else 'helios'}.madstop.test",
            "accountStatus": "active",
            "homeDirectory": f"/mnt/home/person{number:06}",
            "uidNumber": 20000 + number,
            "gidNumber": 100,
            "mailQuotaSize": 0,
        }
        for number in range(count)
    ]


def ldif(objects: list[dict[str, Any]]) -> str:
    """Write people as LDIF."""
    entries = []
    for item in objects:
        lines = [f"dn: uid={item['uid']},ou=People,{SUFFIX}"]
        for name, value in item.items():
            lines += [f"{name}: {one}" for one in (value if isinstance(value, list) else [value])]
        entries.append("\n".join(lines) + "\n\n")
    return "".join(entries)


def timed(action: Callable[[], object]) -> float:
    """Return the seconds that an action takes."""
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


def ready(server: PrivateSlapd) -> None:
    """Put what surrounds people into a server."""
    (server.home / "call.json").write_text(json.dumps({"objects": list(server.skeleton()), "options": server.options()}))
    worker(server)


def worker(server: PrivateSlapd) -> dict[str, int]:
    """Run the module's work on call.json in a process of its own."""
    words = [sys.executable, "-W", "ignore", "-c", WORKER, str(ROOT), str(server.home / "call.json")]
    done = subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True)
    counts: dict[str, int] = json.loads(done.stdout)
    return counts


def play(server: PrivateSlapd, tasks: list[Mapping[str, Any]], variables: Mapping[str, Any]) -> None:
    """Run tasks on this machine with this repository's plugins."""
    with tempfile.TemporaryDirectory(prefix="posthouse-bench-") as folder:
        book = Path(folder) / "play.yml"
        book.write_text(json.dumps([{"hosts": "localhost", "connection": "local", "gather_facts": False, "tasks": tasks}]))
        facts = Path(folder) / "variables.json"
        facts.write_text(json.dumps(variables))
        ansible = Path(sys.executable).with_name("ansible-playbook")
        words = [str(ansible) if ansible.exists() else "ansible-playbook", "-i", "localhost,", "-e", f"@{facts}", str(book)]
        environment = os.environ | {"ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "LDAPTLS_CACERT": str(server.ca)}
        done = subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(done.stdout[-2000:] + done.stderr[-2000:])


def bench_worker(objects: list[dict[str, Any]]) -> dict[str, float]:
    """Measure the module's work: created, then unchanged."""
    with PrivateSlapd() as server:
        ready(server)
        (server.home / "call.json").write_text(json.dumps({"objects": objects, "options": server.options()}))
        counts: list[dict[str, int]] = []
        walls = [timed(lambda: counts.append(worker(server))) for _ in range(2)]
        if counts[0]["created"] != len(objects) or counts[1]["unchanged"] != len(objects) or counts[1]["searches"] != 1:
            raise RuntimeError(f"qmail_user did not do what is measured: {counts}")
        search = timed(lambda: server.tool("ldapsearch", "-LLL", "-b", SUFFIX, "(objectClass=qmailUser)"))
    return {"create": walls[0], "unchanged": walls[1], "ldapsearch": search}


def bench_task(objects: list[dict[str, Any]]) -> dict[str, float]:
    """Measure the module as a task."""
    with PrivateSlapd() as server:
        ready(server)
        call = {name: value for name, value in server.options().items() if value is not None}
        (server.home / "people.json").write_text(json.dumps(objects))
        task = {"name": "people", "vars": {"ansible_python_interpreter": sys.executable}}
        filed = task | {"qmail_user": call | {"source": str(server.home / "people.json")}}
        walls = [timed(lambda: play(server, [filed], {})) for _ in range(2)]
        carried = task | {"qmail_user": call | {"objects": "{{ people }}"}}
        in_variable = timed(lambda: play(server, [carried], {"people": objects}))
    return {"create": walls[0], "unchanged": walls[1], "unchanged in vars": in_variable}


def bench_ldapadd(objects: list[dict[str, Any]]) -> float:
    """Measure ldapadd."""
    with PrivateSlapd() as server:
        ready(server)
        text = ldif(objects)
        return timed(lambda: server.tool("ldapadd", stdin=text))


def bench_ldap_entry(objects: list[dict[str, Any]], count: int) -> dict[str, float]:
    """Measure community.general.ldap_entry over a sample, and calculate for as many as the others did."""
    attributes = "{{ item | dict2items | rejectattr('key', 'eq', 'objectClass') | items2dict }}"
    entry = {
        "dn": f"uid={{{{ item.uid }}}},ou=People,{SUFFIX}",
        "objectClass": "{{ item.objectClass }}",
        "attributes": attributes,
    }
    with PrivateSlapd() as server:
        ready(server)
        entry["server_uri"] = server.uri
        task = {"name": "people", "community.general.ldap_entry": entry, "loop": "{{ people }}"}
        task["vars"] = {"ansible_python_interpreter": "/usr/bin/python3"}
        empty = timed(lambda: play(server, [task], {"people": []}))
        walls = [timed(lambda: play(server, [task], {"people": objects})) for _ in range(2)]
    return dict(zip(("create", "unchanged"), [(wall - empty) * count / len(objects) for wall in walls], strict=True))


def machine() -> dict[str, Any]:
    """Say what the figures were taken on."""
    load = os.getloadavg()
    return {
        "cores": os.cpu_count(),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "load": [round(one, 1) for one in load],
    }


def main() -> None:
    """Measure, print a table, or one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=10000, help="people (default 10000)")
    parser.add_argument("--sample", type=int, default=30, help="people that ldap_entry makes (default 30; 0 leaves it out)")
    parser.add_argument("--json", action="store_true", help="print one object instead of the table")
    options = parser.parse_args()
    before = machine()
    objects = people(options.count)
    floor = bench_ldapadd(objects)
    ours = bench_worker(objects)
    task = bench_task(objects)
    other = bench_ldap_entry(objects[: options.sample], options.count) if options.sample else {}
    walls = {
        "create": {"qmail_user": ours["create"], "qmail_user task": task["create"], "ldapadd": floor},
        "unchanged": {
            "qmail_user": ours["unchanged"],
            "qmail_user task": task["unchanged"],
            "qmail_user in vars": task["unchanged in vars"],
            "ldapsearch": ours["ldapsearch"],
        },
    }
    for kind, wall in other.items():
        walls[kind]["community.general.ldap_entry"] = wall
    ratios = {
        f"{peer}, {kind}": round(wall / part["qmail_user task" if "." in peer else "qmail_user"], 3)
        for kind, part in walls.items()
        for peer, wall in part.items()
        if not peer.startswith("qmail_user")
    }
    if options.json:
        print(json.dumps({"walls": walls, "ratios": ratios, "count": options.count, "machine": before}))
        return
    print(f"{options.count} people, load {before['load'][0]} on {before['cores']} cores")
    for kind, part in walls.items():
        for who, wall in part.items():
            factor = ratios.get(f"{who}, {kind}")
            print(f"  {kind:10} {who:30} {wall:10.2f} s" + (f"   qmail_user is {factor:g} times as fast" if factor else ""))


if __name__ == "__main__":
    main()
