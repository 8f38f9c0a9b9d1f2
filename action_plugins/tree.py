"""Render a role's picture of a machine on the control node, and send it to the machine in one round trip."""

from __future__ import annotations

import base64
import hashlib
import importlib.util
import json
import shlex
import time
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

from ansible.errors import AnsibleActionFail, AnsibleError
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.action import ActionBase
from ansible.template import trust_as_template

MODULE_UTILS = Path(__file__).resolve().parent.parent / "module_utils"
CACHE = "/var/cache/posthouse"
GOOD_FOR = 60.0
JINJA = {"trim_blocks": True}  # as ansible.builtin.template
OPTIONS = ("packages", "debconf", "verify", "commands", "units")
FILE_OPTIONS = {"owner", "group", "mode", "secret", "validate", "when"}

# Runs on the machine. The agent's modules come with every picture and stay there compiled, under their digest: a bare Python that
# finds bytecode answers in a third of the time of an ordinary module (docs/decisions/0001-tree.md). A check leaves nothing behind.
START = """
import json, os, sys
if os.geteuid():
    print(json.dumps({"failed": True, "msg": "tree works on the whole machine: connect as root, or say become: true"}))
    sys.exit()
given = json.load(sys.stdin)
cache, version = given["cache"], given["version"]
home = cache + "/tree-" + version
passing = ""
if not os.path.isdir(home):
    import shutil
    os.umask(0o077)
    new = home + "." + str(os.getpid())
    os.makedirs(new + "/tree")
    for name, text in given["agent"].items():
        with open(new + "/tree/" + name, "w", encoding="utf-8") as stream:
            stream.write(text)
    if given["picture"]["check"]:
        home = passing = new
    else:
        for old in os.listdir(cache):
            if old.startswith("tree-") and old != os.path.basename(new):
                shutil.rmtree(cache + "/" + old, ignore_errors=True)
        try:
            os.rename(new, home)
        except OSError:  # another run was quicker
            home = passing = new
sys.path.insert(0, home)
from tree.agent import converge
result = converge(given["picture"])
if passing:
    shutil.rmtree(passing)
    if not os.listdir(cache):
        os.rmdir(cache)
print(json.dumps(result))
"""


class ActionModule(ActionBase):
    """The action behind the `tree` task; library/tree.py documents it."""

    _requires_connection = True
    _supports_check_mode = True
    _supports_async = False

    # Machine → when it was seen (of time.monotonic), and which trees with which pictures had nothing to do then.
    # callback_plugins/at_rest.py fills it in the first process; this task's process was forked from that one.
    at_rest: ClassVar[dict[str, tuple[float, dict[str, str]]]] = {}

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Render everything before anything is sent, so that a mistake in a template changes nothing on the machine."""
        super().run(tmp, task_vars)
        self._texts: dict[str, str] = {}
        self._variables = task_vars or {}
        validation = getattr(self._task._role, "posthouse_validation", None)
        if validation:
            refused = self._settle_options(validation)
            if refused:
                return refused
        picture = self._picture()
        self._agent = {path.name: path.read_text(encoding="utf-8") for path in sorted((MODULE_UTILS / "tree").glob("*.py"))}
        picture["agent"] = hashlib.sha256("".join(self._agent.values()).encode()).hexdigest()[:16]
        picture["digest"] = digest(picture)
        if self._was_at_rest(picture):
            return {"changed": False, "paths": [], "packages": [], "commands": [], "units": {}}
        result = self._send(picture)
        if result.get("failed") and any(what.get("secret") for what in picture["files"].values()):
            # Daemons quote the line they dislike.
            control = on_control("tree_control")
            result = control.hide(result, control.secret_words(picture["files"], self._texts))
        return result

    def _settle_options(self, validation: Any) -> dict[str, Any]:
        """Work out the role's options once for all its templates, and hold them to its argument_specs.

        validation: the task that Ansible has made for that. Done here when callback_plugins/warm.py has taken it away.
        """
        described = validation.args["argument_spec"]
        values = self._templar.template({name: self._variables[name] for name in described if name in self._variables})
        self._variables = {**self._variables, **values}
        if not self._task._role.posthouse_spared:
            return {}
        given = self._templar.template(validation.args.get("provided_arguments") or {})
        errors = ArgumentSpecValidator(described).validate({**values, **given}, validate_role_argument_spec=True).error_messages
        context = validation.args.get("validate_args_context")
        said = "Validation of arguments failed:\n" + "\n".join(errors)
        return {"failed": True, "msg": said, "argument_errors": errors, "validate_args_context": context} if errors else {}

    def _picture(self) -> dict[str, Any]:
        args = dict(self._task.args)
        role = self._task._role
        base = Path(role._role_path if role else self._loader.get_basedir())
        name = args.pop("name", None) or (role.get_name() if role else "")
        source = args.pop("source", "templates")
        verbatim = args.pop("verbatim", "files")
        attributes = self._with_rendered_keys(args.pop("attributes", None) or {})
        extra = self._with_rendered_keys(args.pop("files", None) or {})
        picture = {option: plain(args.pop(option, None) or []) for option in OPTIONS}
        if args:
            raise AnsibleActionFail(f"tree: unknown option {', '.join(sorted(args))}: see ansible-doc -t module tree")
        files: dict[str, dict[str, Any]] = {}
        if source:
            files.update(self._render(base / str(source)))
            if verbatim and (base / str(verbatim)).is_dir():
                files.update(read_verbatim(base / str(verbatim)))
        for path, content in extra.items():
            if not isinstance(content, str):
                raise AnsibleActionFail(f"tree: files[{path!r}] is a {type(content).__name__}, not text: use a filter, e.g. to_nice_json")
            files[path] = {"content": content, "source": "files"}
        picture["files"] = with_attributes(files, attributes)
        picture.update(name=str(name), check=bool(self._task.check_mode), diff=bool(self._task.diff))
        return picture

    def _with_rendered_keys(self, given: dict[str, Any]) -> dict[str, Any]:
        """Return paths with their expressions evaluated: Ansible does that for values only."""
        return {str(self._templar.template(path) if "{{" in path else path): plain(what) for path, what in given.items()}

    def _render(self, directory: Path) -> dict[str, dict[str, Any]]:
        if not directory.is_dir():
            raise AnsibleActionFail(f"tree: there is no directory {directory}; give source: '' when a role ships no files")
        templar = self._templar.copy_with_new_env(searchpath=[str(directory)], available_variables=self._variables)

        def render(text: str) -> Any:
            return templar.template(trust_as_template(text), escape_backslashes=False, overrides=JINJA)

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
                rendered = render(text)
            except AnsibleError as error:
                raise self._located(template, str(text), render, error) from None
            if rendered is None or isinstance(rendered, (int, float)):  # a template that is one expression keeps its type
                rendered = "" if rendered is None else f"{rendered}\n"
            if not isinstance(rendered, str):
                raise AnsibleActionFail(f"{template} is a single expression that yields a {type(rendered).__name__}, not text")
            self._texts[shipped] = str(text)
            files[shipped] = {"content": str(rendered), "source": str(template)}
            if template.stat().st_mode & 0o100:
                files[shipped]["mode"] = "0755"
        return files

    def _located(self, template: Path, text: str, render: Any, error: AnsibleError) -> AnsibleActionFail:
        """Return the error with the line of the template it comes from."""

        def fails(beginning: str) -> bool:
            try:
                render(beginning)
            except AnsibleError:
                return True
            return False

        control = on_control("tree_control")
        number, line = control.locate(text, fails, str(error), control.syntax_line(error))
        place = f"{template} line {number}" if number else str(template)
        remedy = control.suggestion(str(error), self._variables)
        shown = f"\n    {line}" if line else ""
        return AnsibleActionFail(f"{place}: {error}{remedy}{shown}\nNothing was sent to the machine.", obj=error.obj)

    def _was_at_rest(self, picture: dict[str, Any]) -> bool:
        """Tell whether an earlier task of this run has seen that there is nothing to do for exactly this picture."""
        if self._task.delegate_to or self._task.loop:
            return False  # another machine; or items, which happen one after the other in this process
        seen, trees = self.at_rest.get(self._variables["inventory_hostname"], (0.0, {}))
        return time.monotonic() - seen < GOOD_FOR and trees.get(picture["name"]) == picture["digest"]

    def _send(self, picture: dict[str, Any]) -> dict[str, Any]:
        if not getattr(self._connection, "has_pipelining", False):
            arguments = {key: value for key, value in picture.items() if key not in ("check", "diff")}
            return self._execute_module(module_name="tree", module_args=arguments, task_vars=self._variables)  # type: ignore[no-any-return]
        message = json.dumps({"cache": CACHE, "version": picture["agent"], "agent": self._agent, "picture": picture})
        command = f"{self._interpreter()} -ISX utf8 -c {shlex.quote(START)}"
        answer = self._low_level_execute_command(command, in_data=message.encode("utf-8", "surrogateescape"))
        try:
            result: dict[str, Any] = json.loads(answer["stdout"])
        except ValueError:
            control = on_control("tree_control")
            said = control.hide(answer["stderr"][-4000:], control.secret_words(picture["files"], self._texts))
            raise AnsibleActionFail(f"tree: the machine did not answer (exit code {answer['rc']}):\n{said}") from None
        return result

    def _interpreter(self) -> str:
        configured = str(self._templar.template(self._variables.get("ansible_python_interpreter", "")))
        return configured if configured.startswith("/") else "/usr/bin/python3"


def on_control(name: str) -> ModuleType:
    """Return a module of module_utils that is needed here only when something failed."""
    spec = importlib.util.spec_from_file_location(f"posthouse_{name}", MODULE_UTILS / f"{name}.py")
    if spec is None or spec.loader is None:
        raise AnsibleActionFail(f"tree: {MODULE_UTILS / name}.py is missing")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def digest(picture: dict[str, Any]) -> str:
    """Return what changes with everything that a picture asks of a machine, and with the program that makes it true."""
    asked = {key: value for key, value in picture.items() if key not in ("check", "diff")}
    asked["files"] = {path: {key: value for key, value in what.items() if key != "source"} for path, what in picture["files"].items()}
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode("utf-8", "surrogateescape")).hexdigest()


def walk(directory: Path) -> list[Path]:
    """Return the files and links below a directory, in a fixed order."""
    return sorted(path for path in directory.rglob("*") if path.is_symlink() or not path.is_dir())


def read_verbatim(directory: Path) -> dict[str, dict[str, Any]]:
    """Return the files below a directory as they are."""
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
        # YAML 1.1 reads a bare `on` as true; here it can only be the key of a command.
        return {"on" if key is True else str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if value is None or isinstance(value, (bool, int, float)):
        return value
    return str(value)


def with_attributes(files: dict[str, dict[str, Any]], attributes: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Give each file its attributes and drop the files that are not shipped."""
    for path, wanted in attributes.items():
        if path not in files:
            names = "\n".join(sorted(files))
            raise AnsibleActionFail(f"tree: attributes names {path}, which this role does not ship. It ships\n{names}")
        unknown = set(wanted) - FILE_OPTIONS
        if unknown:
            known = ", ".join(sorted(FILE_OPTIONS))
            raise AnsibleActionFail(f"tree: attributes of {path} has {', '.join(sorted(unknown))}, which is none of {known}")
        files[path].update(wanted)
    kept = {}
    for path, what in files.items():
        shipped = boolean(what.pop("when", True), strict=True)
        blank = "content" in what and not what["content"].strip()
        if shipped and not blank:
            kept[path] = what
    return kept
