"""Secrets are readable for those who need them, and every TLS port shows a certificate of our authority with the right name."""

from __future__ import annotations

import shlex
import ssl
from datetime import UTC, datetime

import pytest

from tests.laboratory import Lab


def test_no_secret_lies_open(lab: Lab) -> None:
    """No file that everybody on a machine may read holds any secret of the cluster; nor does a unit's command line or environment."""
    secrets = {name: str(value) for name, value in lab.inventory.values["cluster_secrets"].items()}
    patterns = "\n".join(secrets.values())
    places = "/etc /usr/local /var/lib/posthouse /var/log"
    command = (
        f"cat > /run/patterns; find {places} -xdev -type f -perm -o+r -print0 | xargs -0 -r grep -lFf /run/patterns;"
        " cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null | tr '\\0' '\\n' | grep -cFf /run/patterns; rm /run/patterns"
    )
    for machine in lab.inventory.ours:
        assert lab.run(machine.name, command, stdin=patterns, check=False).strip() == "0", machine.name


def test_no_secret_is_in_a_journal(lab: Lab) -> None:
    patterns = "\n".join(str(value) for value in lab.inventory.values["cluster_secrets"].values())
    command = "cat > /run/patterns; journalctl -q -o cat | grep -cFf /run/patterns; rm -f /run/patterns"
    for machine in lab.inventory.ours:
        assert lab.run(machine.name, command, stdin=patterns, check=False).strip() == "0", machine.name


def test_a_private_key_is_private(lab: Lab) -> None:
    for machine in lab.inventory.ours:
        assert lab.run(machine.name, "stat -c '%a %U %G' /etc/ssl/posthouse/machine.key").split() == ["640", "root", "ssl-cert"]


@pytest.mark.parametrize("name", ["imap", "pop", "mail"])
def test_the_proxys_certificate_says_the_names_people_use(lab: Lab, name: str) -> None:
    fqdn = f"{name}.{lab.inventory.domain}"
    for port in (993, 995):
        carried = lab.internet.connect(lab.proxy.public_address, port)
        with lab.internet.tls().wrap_socket(carried, server_hostname=fqdn) as connection:
            certificate = connection.getpeercert()
        assert certificate is not None
        ends = datetime.fromtimestamp(ssl.cert_time_to_seconds(str(certificate["notAfter"])), UTC)
        assert (ends - datetime.now(UTC)).days > 30


def test_another_name_is_refused(lab: Lab) -> None:
    carried = lab.internet.connect(lab.proxy.public_address, 993)
    with pytest.raises(ssl.SSLCertVerificationError):
        lab.internet.tls().wrap_socket(carried, server_hostname="imap.elsewhere.test")


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
def test_old_tls_is_not_spoken(lab: Lab) -> None:
    context = lab.internet.tls()
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.maximum_version = ssl.TLSVersion.TLSv1_1
    carried = lab.internet.connect(lab.proxy.public_address, 993)
    with pytest.raises((ssl.SSLError, OSError)):
        context.wrap_socket(carried, server_hostname=f"imap.{lab.inventory.domain}")


def test_the_directory_speaks_only_with_those_it_knows_and_in_secret(lab: Lab) -> None:
    suffix = lab.inventory.values["cluster_ldap_suffix"]
    host = lab.inventory.machines("directory")[-1].name
    for server in lab.inventory.machines("directory"):
        uri = f"ldap://{server.fqdn}"
        ask = f"-o nettimeout=5 -LLL -b {suffix} -s sub '(uid=*)' userPassword mail"
        assert "mail:" not in lab.run(host, f"ldapsearch -x -ZZ -H {uri} {ask} 2>&1", check=False), "anonymous reads"
        for identity, attribute in (
            ("mailstore", "userPassword"),
            ("proxy", "userPassword"),
            ("recipients", "userPassword"),
            ("proxy", "mailReplyText"),
        ):
            secret = shlex.quote(str(lab.inventory.values["cluster_secrets"][f"directory_{identity}"]))
            login = f"-x -D cn={identity},ou=Services,{suffix} -w {secret} -H {uri}"
            clear = lab.run(host, f"ldapsearch {login} {ask} 2>&1", check=False)
            assert "onfidentiality required" in clear, (identity, clear)
            secretly = lab.run(host, f"ldapsearch -ZZ {login} -LLL -b {suffix} '(uid=*)' {attribute} 2>&1", check=False)
            assert f"{attribute}:" not in secretly, f"{identity} reads {attribute}"
            refused = lab.run(host, f"ldapsearch -ZZ -x -D cn={identity},ou=Services,{suffix} -w wrong -H {uri} 2>&1", check=False)
            assert "Invalid credentials" in refused
