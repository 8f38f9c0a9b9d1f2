"""Each side sees its own exchangers, the internet believes what it sees, and the keys for that are the control node's."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterable

import dns.dnssec
import dns.flags
import dns.message
import dns.name
import dns.query
import dns.rdatatype
import dns.rrset
import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from frontdoor import paths, post
from frontdoor.landscape import Landscape
from module_utils.zones import keys
from module_utils.zones.names import zone_names
from tests.laboratory import Lab

INVENTORY = Landscape(paths.INVENTORY)
SERVER = INVENTORY.machines("dns")[0]
DOMAIN = INVENTORY.domain
RESOLVING = [*INVENTORY.machines("dns"), *INVENTORY.machines("exchanger"), *INVENTORY.machines("submission")]

# Asks a server from the machine it runs on, for names and types in pairs; prints answers as octets.
ASK = """
import base64, json, socket, sys
for server, query in json.loads(sys.argv[1]):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as there:
        there.settimeout(8)
        there.sendto(base64.b64decode(query), (server, 53))
        print(base64.b64encode(there.recv(4096)).decode())
"""


def ask(lab: Lab, machine: str, server: str, questions: Iterable[tuple[str, str]]) -> list[dns.message.Message]:
    """Ask a server from a machine, all questions in one connection of ssh."""
    queries = [dns.message.make_query(name, kind, want_dnssec=True) for name, kind in questions]
    given = json.dumps([[server, base64.b64encode(query.to_wire()).decode()] for query in queries])
    said = lab.run(machine, f"python3 - '{given}'", stdin=ASK)
    return [dns.message.from_wire(base64.b64decode(line)) for line in said.split()]


def data(message: dns.message.Message, kind: str) -> set[str]:
    """The data of an answer's records of one kind."""
    wanted = dns.rdatatype.from_text(kind)
    return {item.to_text() for record in message.answer if record.rdtype == wanted for item in record}


def zones() -> list[str]:
    """Names of the zones that are signed."""
    given = INVENTORY.values
    of_servers = yaml.safe_load((INVENTORY.folder / "group_vars" / "dns.yml").read_text(encoding="utf-8"))
    return zone_names(given["cluster_domains"], given["cluster_collapsed_domains"], of_servers["cluster_public_networks"])


def from_both_sides(lab: Lab, questions: list[tuple[str, str]]) -> tuple[list[dns.message.Message], list[dns.message.Message]]:
    campus = ask(lab, lab.stores[0].name, SERVER.address, questions)
    return campus, ask(lab, lab.outside.name, SERVER.public_address, questions)


def test_each_side_hands_mail_to_its_own_exchangers(lab: Lab) -> None:
    submissions = {f"10 {machine.fqdn}." for machine in INVENTORY.machines("submission")}
    exchangers = {f"10 {machine.fqdn}." for machine in INVENTORY.machines("exchanger")}
    domains = [(domain, "MX") for domain in [*INVENTORY.values["cluster_domains"], *INVENTORY.values["cluster_collapsed_domains"]]]
    inside, outside = from_both_sides(lab, domains)
    assert {frozenset(data(message, "MX")) for message in inside} == {frozenset(submissions)}
    assert {frozenset(data(message, "MX")) for message in outside} == {frozenset(exchangers)}


def test_each_side_gets_addresses_that_it_can_reach(lab: Lab) -> None:
    machines = [*INVENTORY.machines("exchanger"), *INVENTORY.machines("submission"), *INVENTORY.machines("proxy"), *lab.stores]
    inside, outside = from_both_sides(lab, [(machine.fqdn, "A") for machine in machines])
    for machine, in_answer, out_answer in zip(machines, inside, outside, strict=True):
        assert data(in_answer, "A") == {machine.address}
        assert data(out_answer, "A") == ({machine.public_address} if machine.public_address != machine.address else set())


def test_the_internet_validates_every_zone_from_its_root(lab: Lab) -> None:
    """The world's machine begins at the root's key, asks a resolver that validates, and hears that all is well (RFC 4035, 3.2.3)."""
    questions = [(zone, "SOA") for zone in zones()] + [(f"mx1.{DOMAIN}", "A"), (f"nosuch.{DOMAIN}", "A"), ("elsewhere.test", "MX")]
    for question, message in zip(questions, ask(lab, lab.outside.name, "127.0.0.1", questions), strict=True):
        assert message.flags & dns.flags.AD, question


def test_a_second_validator_agrees(lab: Lab) -> None:
    """delv(1) fetches and checks each link of the chain itself."""
    root = INVENTORY.values["cluster_dnssec_anchors"][0]["ds"].split()
    anchor = f'trust-anchors {{ "." static-ds {" ".join(root[:3])} "{root[3]}"; }};\n'
    for name, kind in ((DOMAIN, "MX"), (f"_25._tcp.mx1.{DOMAIN}", "TLSA"), (f"nosuch.{DOMAIN}", "A")):
        said = lab.run(lab.outside.name, f"f=$(mktemp); cat > $f; delv -a $f +root=. @127.0.0.1 {name} {kind} 2>&1; rm $f", anchor)
        assert re.search("^; (negative response, )?fully validated$", said, re.MULTILINE), said


@pytest.mark.parametrize("machine", RESOLVING, ids=lambda machine: machine.name)
def test_resolvers_of_ours_validate_the_world(lab: Lab, machine: object) -> None:
    name = str(getattr(machine, "name", ""))
    good, missing = ask(lab, name, "127.0.0.1", [("elsewhere.test", "MX"), ("nosuch.elsewhere.test", "A")])
    assert good.flags & dns.flags.AD
    assert data(good, "MX") == {"10 internet.elsewhere.test."}
    assert missing.flags & dns.flags.AD
    assert missing.rcode() == dns.rcode.NXDOMAIN


def test_what_is_not_signed_by_the_world_is_not_believed(lab: Lab) -> None:
    """A zone whose parent knows another key: nobody who validates may answer for it."""
    change = "printf '{} forged.moving.test 5 {}\\nsend\\n' | nsupdate -l"
    wrong = "DS 4711 13 2 " + "AB" * 32
    lab.run(lab.outside.name, change.format("add", wrong) + "; " + change.format("add", "NS internet.elsewhere.test."))
    try:
        (answer,) = ask(lab, lab.exchanger.name, "127.0.0.1", [("www.forged.moving.test", "A")])
        assert answer.rcode() == dns.rcode.SERVFAIL
        assert not answer.flags & dns.flags.AD
    finally:
        lab.run(lab.outside.name, change.format("delete", "DS") + "; " + change.format("delete", "NS"))


def test_zones_are_signed_with_the_control_nodes_keys_and_with_no_other(lab: Lab) -> None:
    names = zones()
    for zone, message in zip(names, ask(lab, lab.outside.name, SERVER.public_address, [(zone, "DNSKEY") for zone in names]), strict=True):
        known = {base64.b64encode(keys.rdata(key)[4:]).decode() for key in keys.load(str(INVENTORY.folder / "dnssec"), zone)}
        served = {"".join(text.split()[3:]) for text in data(message, "DNSKEY")}
        assert served == known, zone
        (rrset,) = (one for one in message.answer if one.rdtype == dns.rdatatype.DNSKEY)
        (signature,) = (one for one in message.answer if one.rdtype == dns.rdatatype.RRSIG)
        dns.dnssec.validate(rrset, signature, {dns.name.from_text(zone): rrset})


def test_keys_are_nobodys_but_the_name_servers(lab: Lab) -> None:
    for folder in ("/etc/bind/posthouse-keys", "/var/lib/bind/posthouse-keys"):
        assert lab.run(SERVER.name, f"find {folder} -name '*.private' -perm /0077").split() == []
    assert lab.run(SERVER.name, "runuser -u nobody -- cat /etc/bind/posthouse-transfer.key || echo refused").split()[-1] == "refused"
    for path in (INVENTORY.folder / "dnssec").glob("*.pem"):
        assert path.stat().st_mode & 0o077 == 0


def test_a_zone_is_not_signed_with_a_key_that_the_control_node_lost(lab: Lab) -> None:
    """The check that stands before every change of the name server refuses another key than the one in use."""
    check = "/usr/local/libexec/posthouse-zones check"
    lost = f"""
set -e
cp -a /etc/bind/posthouse-keys /root/kept-keys
trap 'rm -rf /etc/bind/posthouse-keys; mv /root/kept-keys /etc/bind/posthouse-keys' EXIT
cd /etc/bind/posthouse-keys
for file in K{DOMAIN}.+013+*; do mv "$file" "K{DOMAIN}.+013+00001.${{file##*.}}"; done
{check} 2>&1 && echo accepted
true
"""
    said = lab.run(SERVER.name, "bash", lost)
    assert f"{DOMAIN} is signed here with the key K{DOMAIN}.+013+" in said
    assert "accepted" not in said
    assert lab.run(SERVER.name, f"{check} && echo fine").split() == ["fine"]


def test_nobody_takes_whole_zones_without_the_secret(lab: Lab) -> None:
    said = lab.run(lab.outside.name, f"dig @{SERVER.public_address} {DOMAIN} AXFR", check=False)
    assert "Transfer failed" in said, said


def test_the_keys_told_are_those_of_the_servers(lab: Lab) -> None:
    for machine in (*INVENTORY.machines("exchanger"), *INVENTORY.machines("submission")):
        pem = (INVENTORY.folder / "pki" / f"{machine.name}.pem").read_bytes()
        key = x509.load_pem_x509_certificate(pem).public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        (message,) = ask(lab, lab.outside.name, SERVER.public_address, [(f"_25._tcp.{machine.fqdn}", "TLSA")])
        assert data(message, "TLSA") == {f"3 1 1 {hashlib.sha256(key).hexdigest()}"}


def test_the_exchanger_shows_the_key_that_is_told(lab: Lab) -> None:
    exchanger = INVENTORY.machines("exchanger")[0]
    shown = lab.run(
        lab.outside.name,
        f"openssl s_client -connect {exchanger.public_address}:25 -starttls smtp </dev/null 2>/dev/null | openssl x509 -noout -pubkey"
        " | openssl pkey -pubin -outform DER | sha256sum",
        timeout=90,
    ).split()[0]
    (message,) = ask(lab, lab.outside.name, SERVER.public_address, [(f"_25._tcp.{exchanger.fqdn}", "TLSA")])
    assert data(message, "TLSA") == {f"3 1 1 {shown}"}


def test_mail_programs_find_their_servers(lab: Lab) -> None:
    expected = {"imaps": 993, "imap": 143, "pop3s": 995, "pop3": 110, "sieve": 4190, "submissions": 465, "submission": 587}
    for answers in from_both_sides(lab, [(f"_{service}._tcp.{DOMAIN}", "SRV") for service in expected]):
        found = [next(iter(data(answer, "SRV"))).split() for answer in answers]
        assert [int(words[2]) for words in found] == list(expected.values())
        targets = {words[3] for words in found}
        for message in ask(lab, lab.outside.name, SERVER.public_address, [(target, "A") for target in sorted(targets)]):
            assert data(message, "A"), message.question


def test_policies_of_mail_are_told_on_both_sides(lab: Lab) -> None:
    senders = [machine.public_address for noun in ("exchanger", "submission") for machine in INVENTORY.machines(noun)]
    for answers in from_both_sides(lab, [(DOMAIN, "TXT"), (f"_dmarc.{DOMAIN}", "TXT"), (f"mx1.{DOMAIN}", "TXT")]):
        spf, dmarc, greeting = (next(iter(data(answer, "TXT"))).strip('"') for answer in answers)
        assert spf.startswith("v=spf1 ")
        assert all(f" ip4:{address} " in spf for address in senders)
        assert spf.endswith(" -all")
        assert dmarc.startswith("v=DMARC1; p=")
        assert greeting == "v=spf1 a -all"


def test_signed_zones_grow_older_but_never_too_old(lab: Lab) -> None:
    """Signatures outlive the two weeks for which others may serve a zone without asking its signer (SOA, expire)."""
    (message,) = ask(lab, lab.outside.name, SERVER.public_address, [(DOMAIN, "MX")])
    (signature,) = (item for one in message.answer if one.rdtype == dns.rdatatype.RRSIG for item in one)
    now = float(lab.run(SERVER.name, "date +%s"))
    assert signature.expiration - now > 14 * 86400
    assert signature.inception < now


def test_a_change_is_signed_and_told_at_once(lab: Lab) -> None:
    """What an operator changes in the inventory goes this way: a new file, published, loaded by a reload, signed."""
    source = f"/etc/bind/posthouse/internet/{DOMAIN}"
    publish = "/usr/local/libexec/posthouse-zones publish && rndc reload >/dev/null"
    question = [(f"just-now.{DOMAIN}", "A")]

    def told(there: bool) -> bool:
        (message,) = ask(lab, lab.outside.name, SERVER.public_address, question)
        signed = any(one.rdtype == dns.rdatatype.RRSIG for one in message.answer)
        return bool(message.answer) == there and (signed or not there)

    lab.run(SERVER.name, f"cp -a {source} /root/kept-zone && echo 'just-now IN A 198.51.100.77' >> {source} && {publish}")
    try:
        assert post.wait_for(lambda: told(True), 15)
    finally:
        lab.run(SERVER.name, f"mv /root/kept-zone {source} && {publish}")
    assert post.wait_for(lambda: told(False), 15)
