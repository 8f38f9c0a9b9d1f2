"""The whole of a call: read the objects, compare them with the directory, write the difference, say what happened."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from .plan import Entry, Plan, count_plan, make_plan, parse_objects
from .report import diff_of, first_changes


def converge(
    objects: Iterable[Mapping[str, Any]], options: Mapping[str, Any], *, check: bool, diff: bool, have_ldap3: bool = True
) -> dict[str, Any]:
    """Make the objects stand in the directory.

    objects: as the caller gave them. options: those of the module qmail_user, by name. check: only say what would be done.
    diff: add before and after of the first hundred entries. have_ldap3: False predicts, in check mode, for an empty machine.
    Returns the module's result. Raises RefusedError before the first write, DirectoryError when the directory does not play along.
    """
    follows = options["update_password"] == "always"  # noqa: S105  a choice, not a password
    wanted = parse_objects(objects, f"{options['branch']},{options['base']}", follows)
    if check and not (have_ldap3 and _is_there(options["uri"])):
        return _describe(make_plan(wanted, {}, classes=options["object_classes"], mail_hosts=options["mail_hosts"]), {}, 0, diff=diff)

    from .directory import Directory  # noqa: PLC0415, because ldap3 may come with this very run

    directory = Directory(
        options["uri"],
        bind_dn=options["bind_dn"],
        bind_password=options["bind_password"],
        start_tls=options["start_tls"],
        ca_file=options["ca_file"],
        window=options["window"],
        timeout=options["timeout"],
    )
    try:
        existing = directory.read(options["base"], wanted)
        plan = make_plan(wanted, existing, classes=options["object_classes"], mail_hosts=options["mail_hosts"])
        plan.set_passwords(directory.wrong_passwords(plan.verify))
        if not check:
            directory.write(plan)
    finally:
        directory.close()
    return _describe(plan, existing, directory.searches, diff=diff)


def _is_there(uri: str) -> bool:
    """Tell whether there is a directory to ask; a machine that is still empty has no socket."""
    return not uri.startswith("ldapi://") or Path(unquote(uri.removeprefix("ldapi://"))).exists()


def _describe(plan: Plan, existing: Mapping[str, Entry], searches: int, *, diff: bool) -> dict[str, Any]:
    counts = count_plan(plan)
    result: dict[str, Any] = {
        "changed": bool(counts["created"] or counts["modified"] or counts["deleted"]),
        "counts": counts,
        "changes": first_changes(plan),
        "searches": searches,
    }
    if diff:
        result["diff"] = diff_of(plan, existing)
    return result
