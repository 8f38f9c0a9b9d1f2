"""A slapd of our own in a temporary directory, with the very configuration that the role directory renders."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import jinja2
import yaml
from jinja2.nativetypes import NativeEnvironment

ROOT = Path(__file__).resolve().parent.parent
ROLE = ROOT / "roles/directory"
SUFFIX = "o=madstop.test"


def wiring() -> dict[str, Any]:
    """Return who may read what, as playbooks/group_vars/directory.yml says it; an identity's password is its name and '-secret'."""
    text = (ROOT / "playbooks/group_vars/directory.yml").read_text()
    raw = yaml.safe_load(text)
    secrets = {f"directory_{name}": f"{name}-secret" for name in re.findall(r"cluster_secrets\.directory_(\w+)", text)}
    environment = NativeEnvironment(undefined=jinja2.StrictUndefined)

    def evaluate(value: Any) -> Any:
        if isinstance(value, str) and "{{" in value:
            needed = {name: evaluate(raw[name]) for name in raw if name.startswith("__")} if "__directory" in value else {}
            return environment.from_string(value).render(cluster_secrets=secrets, **needed)
        if isinstance(value, list):
            return [evaluate(one) for one in value]
        if isinstance(value, dict):
            return {key: evaluate(one) for key, one in value.items()}
        return value

    return {name: evaluate(raw[name]) for name in ("directory_identities", "directory_replication")}


class PrivateSlapd:
    """Runs while its `with` lasts. Needs the packages slapd and ldap-utils; its service need not run, its data stays untouched."""

    def __init__(self, provider: PrivateSlapd | None = None, **overrides: Any) -> None:
        """provider: whom to follow. overrides: variables of the role."""
        self.home = Path(tempfile.mkdtemp(prefix="posthouse-slapd-"))
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.uri = f"ldapi://{quote(str(self.home / 'ldapi'), safe='')}"
        self.tcp = f"ldap://localhost:{self.port}"
        self.provider = provider
        self.overrides = overrides
        self.suffix = SUFFIX
        self.ca = (provider or self).home / "ca.pem"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        """Configure, start, wait for the socket."""
        self._make_certificate()
        for name in ("data", "accesslog", "slapd.d"):
            (self.home / name).mkdir()
        (self.home / "config.ldif").write_text(self.render())
        subprocess.run(
            ["/usr/sbin/slapadd", "-n", "0", "-F", self.home / "slapd.d", "-l", self.home / "config.ldif"], check=True, capture_output=True
        )
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Stop and leave nothing."""
        self.stop()
        shutil.rmtree(self.home)

    def start(self) -> None:
        """Start slapd and wait until it answers."""
        self._process = subprocess.Popen(
            ["/usr/sbin/slapd", "-d", "0", "-F", self.home / "slapd.d", "-h", f"{self.tcp} {self.uri}"], stderr=subprocess.DEVNULL
        )
        deadline = time.monotonic() + 20
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"slapd did not start; run: slapd -d 1 -F {self.home}/slapd.d")
            time.sleep(0.05)

    def _answers(self) -> bool:
        """Tell whether slapd takes connections: its socket is there a moment before it listens."""
        with socket.socket(socket.AF_UNIX) as caller:
            return caller.connect_ex(str(self.home / "ldapi")) == 0

    def stop(self) -> None:
        """Stop slapd, keep its data."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(20)

    def variables(self) -> dict[str, Any]:
        """Return the variables of the role for this server."""
        values: dict[str, Any] = yaml.safe_load((ROLE / "defaults/main.yml").read_text())
        values |= yaml.safe_load((ROLE / "vars/main.yml").read_text())
        values |= wiring()
        values |= {
            "directory_suffix": SUFFIX,
            "directory_provider_uri": self.provider.tcp if self.provider else "",
            "directory_tls": {"ca": str(self.ca), "certificate": str(self.home / "cert.pem"), "key": str(self.home / "key.pem")},
        }
        return values | self.overrides

    def render(self) -> str:
        """Render the role's configuration; only paths and the administrator's uid are those of this directory."""
        environment = jinja2.Environment(undefined=jinja2.StrictUndefined, trim_blocks=True, keep_trailing_newline=True)  # noqa: S701  LDIF
        text = environment.from_string((ROLE / "templates/etc/ldap/posthouse/config.ldif").read_text()).render(self.variables())
        for ours in ("qmail", "posthouse"):
            text = text.replace(f"file:///etc/ldap/schema/{ours}.ldif", f"file://{ROLE}/templates/etc/ldap/schema/{ours}.ldif")
        # Suites are named in OpenSSL's words, as Debian 13 builds slapd; older builds know GnuTLS's only, and die of these.
        linked = subprocess.run(["ldd", "/usr/sbin/slapd"], capture_output=True, text=True, check=True).stdout
        if "gnutls" in linked:
            text = re.sub(r"^olcTLSCipherSuite: .*\n", "", text, flags=re.MULTILINE)
        text = text.replace("/var/lib/ldap/", f"{self.home}/").replace("/run/slapd/", f"{self.home}/")
        return text.replace("gidNumber=0\\+uidNumber=0", f"gidNumber={os.getgid()}\\+uidNumber={os.getuid()}")

    def tool(self, *words: str, stdin: str | None = None, check: bool = True, uri: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run one of ldap-utils as administrator (or, with a uri and -D among the words, as somebody else)."""
        who = [] if "-D" in words else ["-Q", "-Y", "EXTERNAL"]
        command = [words[0], *who, "-H", uri or self.uri, *words[1:]]
        environment = os.environ | {"LDAPTLS_CACERT": str(self.ca)}
        return subprocess.run(command, input=stdin, env=environment, check=check, capture_output=True, text=True, timeout=120)

    def search(self, *words: str, base: str = SUFFIX, check: bool = True) -> str:
        """Search as administrator; lines are not wrapped."""
        return self.tool("ldapsearch", "-LLL", "-o", "ldif-wrap=no", "-b", base, *words, check=check).stdout

    def options(self, **changes: Any) -> dict[str, Any]:
        """Return the options of the module qmail_user for this server."""
        options: dict[str, Any] = {
            "base": SUFFIX,
            "branch": "ou=People",
            "object_classes": ["inetOrgPerson", "qmailUser"],
            "mail_hosts": [],
            "update_password": "on_create",
            "uri": self.uri,
            "start_tls": True,
            "ca_file": None,
            "bind_dn": "",
            "bind_password": "",
            "window": 64,
            "timeout": 10,
        }
        return options | changes

    def skeleton(self) -> list[Mapping[str, Any]]:
        """Return what the role puts around people: branches, policies, identities."""
        people, services = f"cn=people,ou=Policies,{SUFFIX}", f"cn=services,ou=Policies,{SUFFIX}"
        branches = ("People", "Aliases", "Groups", "Departments", "Services", "Policies")
        policy: dict[str, Any] = {"objectClass": ["organizationalRole", "pwdPolicy"], "pwdAttribute": "userPassword"}
        return [
            {"dn": SUFFIX, "objectClass": ["organization"], "o": SUFFIX.removeprefix("o=")},
            *({"dn": f"ou={name},{SUFFIX}", "objectClass": ["organizationalUnit"]} for name in branches),
            policy | {"dn": people, "pwdLockout": True, "pwdMaxFailure": 5, "pwdFailureCountInterval": 60, "pwdLockoutDuration": 2},
            policy | {"dn": services, "pwdLockout": False},
            *(
                {
                    "dn": f"cn={identity['name']},ou=Services,{SUFFIX}",
                    "objectClass": ["organizationalRole", "simpleSecurityObject"],
                    "userPassword": identity["password"],
                    "pwdPolicySubentry": services,
                    "update_password": "always",
                }
                for identity in self.variables()["directory_identities"]
            ),
        ]

    def _make_certificate(self) -> None:
        authority = self.ca.parent
        if not self.ca.exists():
            self._openssl("req", "-x509", "-subj", "/CN=tests", "-keyout", str(authority / "ca.key"), "-out", str(self.ca))
        self._openssl("req", "-subj", "/CN=localhost", "-keyout", str(self.home / "key.pem"), "-out", str(self.home / "request.pem"))
        # libldap compares a certificate of localhost with the name that the machine gives itself.
        names = dict.fromkeys(["localhost", socket.gethostname(), socket.getfqdn()])
        (self.home / "names").write_text(f"subjectAltName={','.join(f'DNS:{name}' for name in names)}\n")
        words: Sequence[str] = [
            "-CA",
            str(self.ca),
            "-CAkey",
            str(authority / "ca.key"),
            "-CAcreateserial",
            "-extfile",
            str(self.home / "names"),
        ]
        command = [
            "openssl",
            "x509",
            "-req",
            "-in",
            str(self.home / "request.pem"),
            "-out",
            str(self.home / "cert.pem"),
            "-days",
            "2",
            *words,
        ]
        subprocess.run(command, check=True, capture_output=True)

    def _openssl(self, *words: str) -> None:
        key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
        subprocess.run(["openssl", words[0], *key, *words[1:]], check=True, capture_output=True)
