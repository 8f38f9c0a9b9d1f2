"""Warnings that may stand in a journal, each with its reason. One table; whoever adds a line says why it is no fault of ours."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Excuse:
    """identifier: who says it (SYSLOG_IDENTIFIER), pattern: what, reason: why that is all right."""

    identifier: str
    pattern: str
    reason: str

    def allows(self, identifier: str, message: str) -> bool:
        """Tell whether this line of the table excuses a line of a journal."""
        return re.fullmatch(self.identifier, identifier) is not None and re.search(self.pattern, message) is not None


TABLE: list[Excuse] = [
    Excuse(
        r"postfix[-\w]*/.*",
        r"^warning: \w+: malformed BDAT command syntax from ",
        "test_smuggling sends chunks whose size is no number; the session is closed",
    ),
    Excuse(
        r"postfix[-\w]*/.*",
        r"^warning: TLS library problem: error:\w+:SSL routines::"
        r"(unsupported protocol|no shared cipher|unknown protocol|version too low|wrong version number|ssl/tls alert [a-z ]+|"
        r"no protocols available|unexpected eof while reading|no renegotiation|bad extension|internal error|record layer failure)",
        "test_tls_suites and the checks of status offer what nobody should take",
    ),
    Excuse(
        r"postfix[-\w]*/.*",
        r"^warning: Illegal address syntax from ",
        "test_relay_matrix sends addresses that are none; Postfix says so and refuses",
    ),
    Excuse(
        r"postfix[-\w]*/trivial-rewrite",
        r"^warning: valid_ipv4_hostaddr: invalid (octet value|character 58\(decimal\)): ",
        "test_relay_matrix writes to addresses in brackets that are neither IPv4 nor marked as IPv6; they are refused",
    ),
    Excuse(
        r"postfix[-\w]*/.*",
        r"^warning: non-SMTP command from ",
        "test_manners smuggles headers where commands belong; the session is closed",
    ),
    Excuse(
        "postfix-outside/cleanup",
        r"^warning: (\w+: queue file size limit exceeded|mail_stream_cleanup: close error)$",
        "test_sizes looks for the largest letter that the door takes; the ones above it get 552 5.3.4",
    ),
    Excuse(
        "dovecot",
        r"^lmtp\(letters\w+\).*(Mail size is larger than the maximum size|failed with unsuccessful implicit keep)",
        "Dovecot calls it an error when a letter is above mailSizeMax; the sender gets 552 5.2.3",
    ),
    Excuse(
        "dovecot", r"^master: Warning: (SIGHUP received - reloading|Killed with signal 15)", "Dovecot says so whenever a role changes it"
    ),
    Excuse(
        r"postfix-outside/submissions?/smtpd",
        r"^warning: \S+: SASL (PLAIN|LOGIN) authentication failed: \(reason unavailable\)",
        "test_submission tries what is no password; Postfix warns of each",
    ),
    Excuse(
        "dovecot",
        r"^auth: Warning: Event 0x\w+ leaked ",
        "Dovecot 2.4.1 says so of connections that Postfix holds open while it reloads, because its role changed it; they are made anew",
    ),
    Excuse(
        "dovecot",
        r"^auth: Error: ldap\(\S+\): (Connection lost to LDAP server, reconnecting|ldap_start_tls_s\(\) failed: Can't contact LDAP)",
        "a directory server restarted because its role changed it; logins go on by the other one",
    ),
    Excuse(
        "amavis",
        r"^\(!!\)policy_server FAILED: only a release from the quarantine's database is taken here$",
        "test_content_filter asks the socket for releases to read a file; it is refused",
    ),
    Excuse(
        "amavis",
        r"^\([\w-]+\) \(!\)(NOTICE: HOLD reason: .*|)(Maximum decoding depth|Exceeded storage quota|Maximum number of files)",
        "test_filter_hostile and test_filter_viruses send bombs; over its limits the filter keeps the letter and says so",
    ),
    Excuse(
        "amavis",
        r"^\([\w-]+\) \(!\)(terminating )?process \[\d+\] running \S+ (\(reason: (Maximum number|Exceeded)|is still alive)",
        "the filter ends the program that unpacks a bomb of test_filter_hostile or test_filter_viruses",
    ),
    Excuse(
        "amavis",
        r"^\([\w-]+\) \(!\)Decoding of p\d+ \(.*\) failed, leaving it unpacked: do_\w+: ",
        "test_filter_hostile sends archives that are cut or lie about themselves; the virus scanner sees them as they are",
    ),
    Excuse("named", r"view internet: zone transfer '[\w.-]+/AXFR/IN' denied$", "test_zones asks for a whole zone without the secret"),
    Excuse(
        "dovecot",
        r"^doveadm\([\w.:]+\): Error: (tcp: doveadm client authenticated with wrong password|"
        r"doveadm: doveadm client isn't allowed to use command: (fetch|expunge))$",
        "test_mirror tries the door for backup machines with a wrong password, and for what it is not there for",
    ),
    Excuse(
        "dovecot",
        r"^doveadm\([\w.:]+\): Error: tcp: (SSL handshake failed|doveadm client disconnected before handshake): ",
        "test_tls_suites and tests of the door try old TLS, weak suites and connections that end at once",
    ),
    Excuse(
        "postfix-copies/postqueue",
        r"^(warning: Mail system is down -- accessing queue directly|fatal: Queue report unavailable - mail system is down)",
        "test_fates stops a mailstore's Postfix, and so its instance for copies; their service asks how much waits",
    ),
    Excuse(
        "kernel",
        r"^(tsc: Unable to calibrate|APIC calibration not consistent|mtrr: your CPUs had inconsistent|acpi PNP0A03:00: fail to add |"
        r"amd_pstate: the _CPC object is not present|hrtimer: interrupt took|"
        r"platform regulatory\.0: Direct firmware load for regulatory\.db failed)",
        "a virtual machine of the lab has an emulated board, without a real one's clock, registers and radio, and shares two processors",
    ),
    Excuse(
        "kernel",
        r"^device-mapper: core: CONFIG_IMA_DISABLE_HTABLE is disabled",
        "Debian's kernel says how it was built; nothing here measures files",
    ),
]
