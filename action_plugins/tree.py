"""Render a role's picture of a machine on the control node, and send it to the machine in one round trip."""

from __future__ import annotations

import hashlib
import json
import shlex
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail, AnsibleError
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.action import ActionBase
from ansible.template import trust_as_template
from ansible.utils.display import Display

PACKAGE = Path(__file__).resolve().parent.parent / "module_utils" / "tree"
CACHE = "/var/cache/posthouse"
JINJA = {"trim_blocks": True}  # as ansible.builtin.template
OPTIONS = ("packages", "debconf", "verify", "commands", "units")
FILE_OPTIONS = {"owner", "group", "mode", "secret", "validate", "when"}

# Runs on the machine. The agent's modules come with every picture and are kept compiled under their digest: a Python that
# starts bare and finds bytecode needs a fifth of the time a module of Ansible's ordinary kind needs (docs/decisions/0001-tree.md).
START = """
import json, os, sys
given = json.load(sys.stdin)
home = given["cache"] + "/tree-" + given["version"]
if os.path.isdir(home):
    sys.path.insert(0, home)
    from tree.agent import converge
else:
    os.umask(0o077)
    new = home + "." + str(os.getpid())
    os.makedirs(new + "/tree")
    for name, text in given["agent"].items():
        with open(new + "/tree/" + name, "w", encoding="utf-8") as stream:
            stream.write(text)
    try:
        os.rename(new, home)
    except OSError:
        home = new
    sys.path.insert(0, home)
    from tree.agent import converge
print(json.dumps(converge(given["picture"])))
"""

_display = Display()


class ActionModule(ActionBase):
    """The action behind the `tree` task; library/tree.py documents it."""

    _requires_connection = True
    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Render everything before anything is sent, so that a mistake in a template changes nothing on the machine."""
        super().run(tmp, task_vars)
        picture = self._picture(task_vars or {})
        return self._send(picture)

    def _picture(self, task_vars: dict[str, Any]) -> dict[str, Any]:
        args = dict(self._task.args)
        role = self._task._role
        base = Path(role._role_path if role else self._loader.get_basedir())
        name = args.pop("name", None) or (role.get_name() if role else "")
        source = args.pop("source", "templates")
        verbatim = args.pop("verbatim", "files")
        attributes = plain(args.pop("attributes", None) or {})
        extra = args.pop("files", None) or {}
        picture = {option: plain(args.pop(option, None) or []) for option in OPTIONS}
        if args:
            raise AnsibleActionFail(f"tree: unknown option {', '.join(sorted(args))}: see ansible-doc -t module tree")
        files: dict[str, dict[str, Any]] = {}
        if source:
            files.update(self._render(base / str(source), task_vars))
        if verbatim and source and (base / str(verbatim)).is_dir():
            files.update(read_verbatim(base / str(verbatim)))
        for path, content in extra.items():
            if not isinstance(content, str):
                raise AnsibleActionFail(f"tree: files[{path!r}] is {type(content).__name__}, not text: write it out with a filter, e.g. to_nice_json")
            files[str(path)] = {"content": str(content), "source": "files"}
        picture["files"] = with_attributes(files, attributes)
        picture.update(name=str(name), check=bool(self._task.check_mode), diff=bool(self._task.diff))
        return picture

    def _render(self, directory: Path, task_vars: dict[str, Any]) -> dict[str, dict[str, Any]]:
        if not directory.is_dir():
            raise AnsibleActionFail(f"tree: there is no directory {directory}; give source: '' when a role ships no files")
        templar = self._templar.copy_with_new_env(searchpath=[str(directory)], available_variables=task_vars)
        files: dict[str, dict[str, Any]] = {}
        for template in walk(directory):
            shipped = f"/{template.relative_to(directory)}"
            if shipped.startswith("/_"):
                continue  # macros and parts for {% import %} and {% include %}
            if template.is_symlink():
                files[shipped] = {"link": str(template.readlink()), "source": str(template)}
                continue
            text = self._loader.get_text_file_contents(str(template))
            try:
                rendered = templar.template(trust_as_template(text), escape_backslashes=False, overrides=JINJA)
            except AnsibleError as error:
                raise AnsibleActionFail(f"{template}: {error}") from error
            if rendered is None or isinstance(rendered, (int, float)):  # a template that is one expression keeps its type
                rendered = "" if rendered is None else f"{rendered}\n"
            if not isinstance(rendered, str):
                raise AnsibleActionFail(f"{template} is a single expression that yields {type(rendered).__name__}, not text")
            files[shipped] = {"content": str(rendered), "source": str(template)}
            if template.stat().st_mode & 0o100:
                files[shipped]["mode"] = "0755"
        return files

    def _send(self, picture: dict[str, Any]) -> dict[str, Any]:
        agent = {path.name: path.read_text(encoding="utf-8") for path in sorted(PACKAGE.glob("*.py"))}
        version = hashlib.sha256("".join(agent.values()).encode()).hexdigest()[:16]
        message = json.dumps({"cache": CACHE, "version": version, "agent": agent, "picture": picture})
        command = f"{self._interpreter()} -ISX utf8 -c {shlex.quote(START)}"
        answer = self._low_level_execute_command(command, in_data=message.encode("utf-8", "surrogateescape"))
        try:
            result: dict[str, Any] = json.loads(answer["stdout"])
        except ValueError:
            raise AnsibleActionFail(f"tree: the machine did not answer (exit code {answer['rc']}):\n{answer['stderr'][-4000:]}") from None
        return result

    def _interpreter(self) -> str:
        configured = self._templar.template(self._templar.available_variables.get("ansible_python_interpreter", ""))
        return str(configured) if str(configured).startswith("/") else "/usr/bin/python3"


def walk(directory: Path) -> list[Path]:
    """Return the files and links below a directory, in a fixed order."""
    return sorted(path for path in directory.rglob("*") if path.is_symlink() or not path.is_dir())


def read_verbatim(directory: Path) -> dict[str, dict[str, Any]]:
    """Return the files below a directory as they are."""
    import base64

    files: dict[str, dict[str, Any]] = {}
    for path in walk(directory):
        shipped = f"/{path.relative_to(directory)}"
        if path.is_symlink():
            files[shipped] = {"link": str(path.readlink()), "source": str(path)}
            continue
        files[shipped] = {"base64": base64.b64encode(path.read_bytes()).decode(), "source": str(path)}
        if path.stat().st_mode & 0o100:
            files[shipped]["mode"] = "0755"
    return files


def plain(value: Any) -> Any:
    """Return a value without Ansible's tags and lazy containers: what travels is data, never something to be templated again."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if value is None or isinstance(value, (bool, int, float)):
        return value
    return str(value)


def with_attributes(files: dict[str, dict[str, Any]], attributes: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Give each file its attributes and drop the files that are not shipped."""
    for path, wanted in attributes.items():
        if path not in files:
            import difflib

            near = difflib.get_close_matches(path, files, 1)
            raise AnsibleActionFail(f"tree: attributes names {path}, which is not shipped" + (f"; did you mean {near[0]}?" if near else ""))
        unknown = set(wanted) - FILE_OPTIONS
        if unknown:
            raise AnsibleActionFail(f"tree: attributes of {path}: unknown {', '.join(sorted(unknown))}; there are {', '.join(sorted(FILE_OPTIONS))}")
        files[path].update(wanted)
    kept = {}
    for path, what in files.items():
        shipped = boolean(what.pop("when", True), strict=True)
        blank = "content" in what and not what["content"].strip()
        if shipped and not blank:
            kept[path] = what
    return kept
