#!/usr/bin/python
"""Ansible module: people, aliases and what stands around them in a directory with the qmail schema."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: qmail_user
short_description: Keep people, aliases and their surroundings in a directory with the qmail schema
version_added: "1.0.0"
description:
  - Makes one object or tens of thousands stand in the directory as given, over one connection, and writes only the differences.
    Objects that all stand there already cost one search and no write.
  - Every fault that can be found beforehand is found before the first write, and named with its object. These are an unknown attribute or
    one that the object's classes do not permit, a required one that is missing, a value of the wrong shape, an address that is none,
    a word of C(accountStatus), C(deliveryMode) or C(qmailDotMode) that means nothing, a C(mailHost) that is no mailstore,
    and an address (C(mail), C(mailAlternateAddress)) with a second owner, be it in the call or in the directory.
  - An attribute that an object names gets exactly the values given. One that it does not name stays as it is; one that is
    C(null) or C([]) is removed. C(objectClass) is only added to, since other tools add classes of their own.
options:
  objects:
    description:
      - The objects, each a mapping of attributes by their LDAP names, with values as text, number, boolean or list.
      - "Beside attributes an object may have C(dn) (default: C(uid=...) under O(branch)), C(state) (V(present) or V(absent)) and
        C(update_password), which overrules O(update_password)."
      - Either these or O(source).
    type: list
    elements: dict
  source:
    description:
      - Path, on the machine that runs the module, of a JSON file that holds the list of objects.
      - For ten thousand of them this is quicker, since ansible-core takes two milliseconds to carry a person through its templates.
    type: path
  base:
    description: DN under which the whole directory stands. Addresses are compared with every entry there.
    type: str
    required: true
  branch:
    description: DN, relative to O(base), of the parent of objects that have a C(uid) but no C(dn).
    type: str
    default: ou=People
  object_classes:
    description: Classes of an object that is created and names none.
    type: list
    elements: str
    default: [inetOrgPerson, qmailUser]
  mail_hosts:
    description: Host names that a C(mailHost) may have. Empty allows any.
    type: list
    elements: str
    default: []
  update_password:
    description:
      - Whether C(userPassword) is only the first password of a new entry (V(on_create)) or always the password (V(always)).
      - With V(always) each is tried by a bind, since only the server knows what a hash means. This is meant for a few identities of
        machines, not for thousands of people, whose passwords are their own.
      - The server does the hashing (slapo-ppolicy, C(olcPPolicyHashCleartext)).
    type: str
    choices: [on_create, always]
    default: on_create
  uri:
    description: Where the directory listens, as C(ldapi:///PATH), C(ldap://HOST) or C(ldaps://HOST).
    type: str
    default: ldapi:///run/slapd/ldapi
  start_tls:
    description: Whether an C(ldap://) connection is encrypted before anything else is said.
    type: bool
    default: true
  ca_file:
    description: Certificate of the authority that the server's must come from. Default is the system's store.
    type: path
  bind_dn:
    description: Who to bind as. Without one it is SASL EXTERNAL, that is the user who runs the module on the server's own socket.
    type: str
    default: ""
  bind_password:
    description: Password of O(bind_dn).
    type: str
    default: ""
  window:
    description: Requests under way at a time.
    type: int
    default: 64
  timeout:
    description: Seconds to wait for a connection.
    type: int
    default: 10
requirements: [python3-ldap3 on the machine that runs it]
attributes:
  check_mode:
    description: Reads, decides and says what it would do.
    support: full
  diff_mode:
    description: The first hundred entries that change, without passwords.
    support: full
author: Posthouse
"""

EXAMPLES = r"""
- name: One person, on the machine that runs slapd
  qmail_user:
    base: o=example.edu
    mail_hosts: [hermes.example.edu, helios.example.edu]
    objects:
      - uid: hardyjm
        cn: Jeffrey M. Hardy
        sn: Hardy
        mail: hardyjm@example.edu
        mailAlternateAddress: [hardy@example.edu, hardyjm-null@example.edu]
        mailHost: hermes.example.edu
        accountStatus: active

- name: An alias, over the network
  qmail_user:
    uri: ldap://ldap1.example.edu
    ca_file: /etc/ssl/posthouse/ca.pem
    bind_dn: cn=provisioner,ou=Services,o=example.edu
    bind_password: "{{ provisioner_password }}"
    base: o=example.edu
    branch: ou=Aliases
    object_classes: [account, qmailUser, qmailGroup]
    objects:
      - uid: cts
        mail: cts@example.edu
        mailAlternateAddress: cts-catchall@example.edu
        mailMessageStore: /mnt/home/cts/Maildir
        rfc822member: [helpdesk@example.edu]

- name: A leaver
  qmail_user:
    base: o=example.edu
    objects: [{uid: smithzb196, state: absent}]
"""

RETURN = r"""
counts:
  description: How many objects were or would be created, modified and deleted, and how many were left alone.
  returned: success
  type: dict
  sample: {created: 1, modified: 0, deleted: 0, unchanged: 9999}
changes:
  description: DN by kind of change, the first hundred of each.
  returned: success
  type: dict
  sample: {created: ["uid=hardyjm,ou=People,o=example.edu"], modified: [], deleted: []}
searches:
  description: Searches that the decision took.
  returned: success
  type: int
  sample: 1
"""

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule, missing_required_lib
from ansible.module_utils.qmail_user.converge import converge
from ansible.module_utils.qmail_user.plan import DirectoryError, RefusedError

HAVE_LDAP3 = find_spec("ldap3") is not None


def read_source(module: AnsibleModule) -> list[dict[str, Any]]:
    """Read the objects from the file that the caller named."""
    path = Path(module.params["source"])
    try:
        objects: Any = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        module.fail_json(msg=f"{path}: {error}")
    if not isinstance(objects, list) or not all(isinstance(item, dict) for item in objects):
        module.fail_json(msg=f"{path} does not hold a JSON list of objects")
    return list(objects)


def main() -> None:
    """Read the call, decide, act, answer."""
    module = AnsibleModule(
        argument_spec={
            "objects": {"type": "list", "elements": "dict"},
            "source": {"type": "path"},
            "base": {"type": "str", "required": True},
            "branch": {"type": "str", "default": "ou=People"},
            "object_classes": {"type": "list", "elements": "str", "default": ["inetOrgPerson", "qmailUser"]},
            "mail_hosts": {"type": "list", "elements": "str", "default": []},
            "update_password": {"type": "str", "choices": ["on_create", "always"], "default": "on_create", "no_log": False},
            "uri": {"type": "str", "default": "ldapi:///run/slapd/ldapi"},
            "start_tls": {"type": "bool", "default": True},
            "ca_file": {"type": "path"},
            "bind_dn": {"type": "str", "default": ""},
            "bind_password": {"type": "str", "default": "", "no_log": True},
            "window": {"type": "int", "default": 64},
            "timeout": {"type": "int", "default": 10},
        },
        required_one_of=[["objects", "source"]],
        mutually_exclusive=[["objects", "source"]],
        supports_check_mode=True,
        # The objects hold passwords: neither the journal of the machine nor the result shows how we were called.
        no_log=True,
    )
    objects = module.params["objects"]
    if objects is None:
        objects = read_source(module)
    else:
        module.params["objects"] = [f"{len(objects)} objects"]
    if not HAVE_LDAP3 and not module.check_mode:
        module.fail_json(msg=missing_required_lib("ldap3 (Debian: python3-ldap3)"))
    try:
        result = converge(objects, module.params, check=module.check_mode, diff=module._diff, have_ldap3=HAVE_LDAP3)
    except RefusedError as refused:
        module.fail_json(msg=f"Nothing was written. {refused}", reasons=refused.reasons)
    except DirectoryError as failed:
        module.fail_json(msg=str(failed))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
