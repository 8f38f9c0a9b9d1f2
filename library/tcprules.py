#!/usr/bin/python
"""Ansible module: the rules of tcpserver as source, as CDB and as Postfix tables."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: tcprules
short_description: Keep the rules of tcpserver, their CDB and the Postfix tables made from them
version_added: "1.0.0"
description:
  - Writes the rules as they are given, lets C(tcprules) make the database from which C(tcpserver) and C(tcprulescheck) answer,
    and compiles the same rules into Postfix tables.
  - The rules are checked first. What C(tcprules) would refuse, or store and never find again (C(192.0.2.0/24), a prefix without its last
    dot, a line without a colon, a reversed range, a second line for one address), fails the task with all such lines and what to write
    instead, and nothing is written.
  - With O(tables) a variable that Postfix cannot vary from network to network fails the task too.
  - Files are replaced whole and in one step. The source is written last, so that an interrupted run is seen by the next.
options:
  rules:
    description:
      - The text of the rules; or a list of lines; or a list of mappings with C(address) (nothing for the default rule),
        C(decision) (V(allow) or V(deny), V(allow) when not given) and C(variables) (name to value).
    type: raw
    required: true
  path:
    description: File for the rules. Its database is beside it, with C(.cdb) after the name.
    type: path
    required: true
  tables:
    description: Directory for the Postfix tables, which must exist. None are made when it is not given.
    type: path
  discard:
    description:
      - Keywords that EHLO leaves out for everybody, the instance's C(smtpd_discard_ehlo_keywords).
      - The table for C(DENY_TLS) answers instead of that parameter, not besides.
    type: str
    default: silent-discard
  ask:
    description: Clients to look up, each a mapping with C(ip) and, where they are known, C(host) and C(info).
    type: list
    elements: dict
    default: []
    suboptions:
      ip:
        description: IPv4 address of the client.
        type: str
        required: true
      host:
        description: Name of the client, when its reverse zone tells one.
        type: str
      info:
        description: Name of the user, when an ident server tells one.
        type: str
extends_documentation_fragment: [files]
requirements: ["tcprules (Debian package ucspi-tcp, not ucspi-tcp-ipv6) on the machine; in check mode it may be missing"]
attributes:
  check_mode:
    description: Says what would change and changes nothing.
    support: full
  diff_mode:
    description: Shows the rules and the tables as they change. The database is shown as the rules are.
    support: full
author: [Posthouse developers (@posthouse)]
"""

EXAMPLES = r"""
- name: Keep the page of policy as it is
  tcprules:
    path: /etc/tcprules/smtp
    tables: /etc/postfix-outside/tcprules
    rules: |
      127.:allow,RELAYCLIENT="",RBLSMTPD=""
      192.0.2.:allow,RELAYCLIENT="",RBLSMTPD=""
      # Baddies
      198.51.100.71:deny
      # Default
      :allow,VALIDRCPTTO_CDB="/etc/postfix-outside/recipients.cdb",VALIDRCPTTO_LIMIT="10",GREETDELAY="6"

- name: The same from a list, without Postfix
  tcprules:
    path: /etc/tcprules/qmqp
    rules:
      - {address: "10.1.16-31.", variables: {RELAYCLIENT: ""}}
      - {decision: deny}

- name: Ask what becomes of a client
  tcprules:
    path: /etc/tcprules/smtp
    rules: "{{ site_rules }}"
    ask: [{ip: 192.0.2.7, host: mail.example.org}]
  check_mode: true
  register: rules
"""

RETURN = r"""
paths:
  description: Files that were written, or would be.
  returned: success
  type: list
  elements: str
  sample: [/etc/tcprules/smtp.cdb, /etc/tcprules/smtp]
main_cf:
  description: Parameters of main.cf that the default rule asks for.
  returned: when O(tables) is given
  type: dict
  sample: {postscreen_greet_wait: 6s}
notes:
  description: What the rules do though it is perhaps not meant.
  returned: success
  type: list
  elements: str
answers:
  description: For each client of O(ask) the key that decided (C(null) for none), whether it is denied, and its variables.
  returned: success
  type: list
  elements: dict
  sample: [{deny: false, key: "192.0.2.", variables: {RELAYCLIENT: ""}}]
findings:
  description: Lines that cannot be installed.
  returned: failure by the rules
  type: list
  elements: dict
  contains:
    line: {description: Number of the line., type: int}
    text: {description: The line., type: str}
    problem: {description: What is wrong., type: str}
    remedy: {description: What to write instead., type: str}
    severity: {description: V(error) or V(warning)., type: str}
"""

import dataclasses
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.tcprules import cdb, lint, postfix, syntax
from ansible.module_utils.tcprules.rules import rules_text

CLIENT = {"ip": {"type": "str", "required": True}, "host": {"type": "str"}, "info": {"type": "str"}}
OPTIONS = {
    "rules": {"type": "raw", "required": True},
    "path": {"type": "path", "required": True},
    "tables": {"type": "path"},
    "discard": {"type": "str", "default": "silent-discard"},
    "ask": {"type": "list", "elements": "dict", "default": [], "options": CLIENT},
}


def main() -> None:
    """Check, compare, write what differs."""
    module = AnsibleModule(argument_spec=OPTIONS, add_file_common_args=True, supports_check_mode=True)
    try:
        text = syntax.bytes_of(rules_text(module.params["rules"]))
        rules, warnings = lint.accepted(text)
        compiled = postfix.compile_rules(text, module.params["discard"]) if module.params["tables"] else None
    except lint.LintError as error:
        findings = [dataclasses.asdict(finding) for finding in error.findings]
        module.fail_json(msg=f"These rules cannot be installed:\n{error}", findings=findings)
    except ValueError as error:
        module.fail_json(msg=f"These rules cannot be written: {error}")
    path = module.params["path"]
    wanted = {f"{module.params['tables']}/{name}": syntax.bytes_of(table) for name, table in (compiled.tables if compiled else {}).items()}
    wanted |= {f"{path}.cdb": database(module, rules, text), path: text}
    changed, diff = write(module, wanted)
    found = syntax.database(rules)
    answers = [syntax.lookup(found, client["ip"], client["host"], client["info"]) for client in module.params["ask"]]
    result: dict[str, Any] = {"main_cf": compiled.main_cf} if compiled else {}
    notes = compiled.notes if compiled else [str(warning) for warning in warnings]
    for note in notes:
        module.warn(note)
    said = [{"key": None if a.key is None else syntax.text_of(a.key), "deny": a.deny, "variables": a.environment} for a in answers]
    module.exit_json(changed=bool(changed), paths=changed, notes=notes, answers=said, diff=diff, **result)


def database(module: AnsibleModule, rules: list[syntax.Rule], text: bytes) -> bytes:
    """Let tcprules make the database in a directory of its own, and make sure that it holds what these rules say."""
    program = module.get_bin_path("tcprules")
    if not program and module.check_mode:
        foretold: bytes = cdb.write(syntax.records(rules))
        return foretold
    if not program:
        module.fail_json(msg="tcprules is not on this machine; install the package ucspi-tcp")
    with tempfile.TemporaryDirectory(dir=module.tmpdir) as directory:
        # ucspi-tcp-ipv6's tcprules never ends on a line that it cannot read.
        run = subprocess.run(
            [program, f"{directory}/cdb", f"{directory}/new"], input=text, capture_output=True, timeout=60, check=False
        )  # lint has let every line pass
        if run.returncode:
            module.fail_json(msg=f"tcprules refused the rules: {run.stderr.decode(errors='replace').strip()}")
        made = Path(directory, "cdb").read_bytes()
    if cdb.read(made) != syntax.database(rules):
        module.fail_json(msg=f"{program} reads these rules in a way of its own; install the package ucspi-tcp, not ucspi-tcp-ipv6")
    return made


def write(module: AnsibleModule, wanted: dict[str, bytes]) -> tuple[list[str], list[dict[str, str]]]:
    """Write what differs, in this order. Returns the paths and the differences."""
    changed: list[str] = []
    diff: list[dict[str, str]] = []
    for name, content in wanted.items():
        path = Path(name)
        before = path.read_bytes() if path.is_file() else None
        differs = before != content
        if differs and not name.endswith(".cdb"):
            shown = {"before": (before or b"").decode(errors="replace"), "after": content.decode(errors="replace")}
            diff.append({"before_header": name, "after_header": name, **shown})
        if differs and not module.check_mode:
            replace(module, path, content)
        if path.exists() and module.set_fs_attributes_if_different(module.load_file_common_arguments(module.params, path=name), False):
            differs = True
        if differs:
            changed.append(name)
    return changed, diff


def replace(module: AnsibleModule, path: Path, content: bytes) -> None:
    """Put a file in place in one step."""
    if not path.parent.is_dir():
        module.fail_json(msg=f"There is no directory {path.parent} for {path.name}; make it first")
    with tempfile.NamedTemporaryFile(dir=module.tmpdir, delete=False) as stream:
        stream.write(content)
    module.atomic_move(stream.name, str(path))


if __name__ == "__main__":
    main()
