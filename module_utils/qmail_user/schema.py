"""What qmail_user knows of the schema: enough to find a mistake before the first write, without asking a server.

Names and rules are those of RFC 4519, RFC 2798, RFC 2307, slapo-ppolicy(5) and of roles/directory/templates/etc/ldap/schema;
tests/integration/test_qmail_schema.py compares every line with what a real slapd says.
"""

from __future__ import annotations

from typing import NamedTuple


class Rule(NamedTuple):
    """How values of an attribute look and compare.

    syntax: text, ascii, integer, digits, boolean, name (a DN), oid, time or secret. single: at most one value.
    fold: a change of letter case alone is no change, since whoever reads the value ignores it.
    """

    syntax: str = "text"
    single: bool = False
    fold: bool = False


class ClassRule(NamedTuple):
    """What an object class asks for and permits, its superiors included; names in lower case."""

    name: str
    must: frozenset[str]
    may: frozenset[str]


_RULES = [
    (
        Rule(),
        """cn sn givenName initials title description o ou l st street postalAddress postalCode physicalDeliveryOfficeName
        departmentNumber employeeType businessCategory carLicense roomNumber host userClass homePostalAddress labeledURI telephoneNumber
        facsimileTelephoneNumber homePhone mobile pager posthouseNotification posthouseMessenger""",
    ),
    (Rule(single=True), "displayName preferredLanguage employeeNumber mailReplyText confirmtext moderatortext posthouseBiography"),
    (Rule("ascii"), "deliveryProgramPath filtermember filtersender memberUid"),
    (Rule("ascii", single=True), "homeDirectory loginShell gecos mailMessageStore posthouseSourceIdentifier posthouseResumeUri"),
    (
        Rule("ascii", fold=True),
        """mail mailAlternateAddress mailForwardingAddress deliveryMode rfc822member rfc822moderator rfc822sender bounceadmin
        posthouseServiceStatus posthouseShortName""",
    ),
    (Rule("ascii", single=True, fold=True), "mailHost qmailDotMode accountStatus posthousePublicMail dc"),
    (Rule("text", fold=True), "uid"),
    (Rule("oid", fold=True), "objectClass pwdAttribute"),
    (
        Rule("integer", single=True),
        """uidNumber gidNumber qmailUID qmailGID mailQuotaSize mailQuotaCount mailSizeMax pwdMinAge pwdMaxAge pwdInHistory pwdCheckQuality
        pwdMinLength pwdMaxLength pwdExpireWarning pwdGraceAuthNLimit pwdGraceExpiry pwdLockoutDuration pwdMaxFailure pwdMaxRecordedFailure
        pwdFailureCountInterval pwdMinDelay pwdMaxDelay pwdMaxIdle""",
    ),
    (Rule("digits", single=True), "qmailAccountPurge"),
    (Rule("boolean", single=True), "senderconfirm membersonly posthouseUnlisted pwdLockout pwdMustChange pwdAllowUserChange pwdSafeModify"),
    (
        Rule("name"),
        """manager secretary seeAlso roleOccupant member owner dnmember dnmoderator dnsender posthouseDepartment posthouseSecretary
        posthouseDelegate""",
    ),
    (Rule("name", single=True), "posthouseHead pwdPolicySubentry"),
    (
        Rule("time", single=True),
        """posthouseUserClassModified posthouseAccountCreated posthouseAccountExpires posthouseAccountNotified posthouseWamTime
        posthouseLastLogin posthousePurgeAfter posthouseSnagged""",
    ),
    (Rule("secret", single=True), "userPassword"),
]

ATTRIBUTES: dict[str, tuple[str, Rule]] = {name.lower(): (name, rule) for rule, names in _RULES for name in names.split()}
"""By name in lower case: the name as people write it, and its rule."""

ALWAYS = frozenset({"objectclass", "pwdpolicysubentry"})
"""What every entry may carry."""

ADDRESSES = frozenset(
    {
        "mail",
        "mailalternateaddress",
        "mailforwardingaddress",
        "rfc822member",
        "rfc822moderator",
        "rfc822sender",
        "bounceadmin",
        "posthousepublicmail",
    }
)
"""Attributes whose values are addresses."""

OWNED_ADDRESSES = ("mail", "mailalternateaddress")
"""Addresses by which mail finds an entry: each may stand in one entry only (mail-facts A2: two are a permanent error)."""

WORDS = {
    "accountstatus": frozenset({"active", "noaccess", "disabled", "deleted"}),
    "deliverymode": frozenset({"nolocal", "nombox", "noforward", "noprogram", "reply", "local", "forward", "program", "noreply"}),
    "qmaildotmode": frozenset({"ldaponly", "ldapwithprog", "dotonly", "both"}),
}
"""The words that mean something. qmail takes any other word of accountStatus for active: a misspelt one would open an account."""

_PERSON = "userPassword telephoneNumber seeAlso description"
_ORGANIZATION = """userPassword seeAlso businessCategory telephoneNumber facsimileTelephoneNumber street postalCode postalAddress
    physicalDeliveryOfficeName st l description"""
_ORGANIZATIONAL_PERSON = f"""{_PERSON} title facsimileTelephoneNumber street postalCode postalAddress physicalDeliveryOfficeName
    ou st l"""
_QMAIL_GROUP = """dnmember rfc822member filtermember senderconfirm membersonly confirmtext dnmoderator rfc822moderator moderatortext
    dnsender rfc822sender filtersender bounceadmin"""

_CLASSES = {
    "top": ("", ""),
    "person": ("sn cn", _PERSON),
    "organizationalPerson": ("sn cn", _ORGANIZATIONAL_PERSON),
    "inetOrgPerson": (
        "sn cn",
        f"""{_ORGANIZATIONAL_PERSON} businessCategory carLicense departmentNumber displayName employeeNumber employeeType givenName
        homePhone homePostalAddress initials labeledURI mail manager mobile o pager preferredLanguage roomNumber uid""",
    ),
    "account": ("uid", "description seeAlso l o ou host"),
    "posixAccount": ("cn uid uidNumber gidNumber homeDirectory", "userPassword loginShell gecos description"),
    "posixGroup": ("cn gidNumber", "userPassword memberUid description"),
    "groupOfNames": ("member cn", "businessCategory seeAlso owner ou o description"),
    "organization": ("o", _ORGANIZATION),
    "organizationalUnit": ("ou", _ORGANIZATION),
    "organizationalRole": (
        "cn",
        """telephoneNumber facsimileTelephoneNumber seeAlso roleOccupant street postalCode postalAddress
        physicalDeliveryOfficeName ou st l description""",
    ),
    "simpleSecurityObject": ("userPassword", ""),
    "dcObject": ("dc", ""),
    "pwdPolicy": (
        "pwdAttribute",
        """pwdMinAge pwdMaxAge pwdInHistory pwdCheckQuality pwdMinLength pwdMaxLength pwdExpireWarning pwdGraceAuthNLimit
        pwdGraceExpiry pwdLockout pwdLockoutDuration pwdMaxFailure pwdMaxRecordedFailure pwdFailureCountInterval pwdMustChange
        pwdAllowUserChange pwdSafeModify pwdMinDelay pwdMaxDelay pwdMaxIdle""",
    ),
    "qmailUser": (
        "mail",
        """uid mailMessageStore homeDirectory userPassword mailAlternateAddress qmailUID qmailGID mailHost mailForwardingAddress
        deliveryProgramPath qmailDotMode deliveryMode mailReplyText accountStatus qmailAccountPurge mailQuotaSize mailQuotaCount
        mailSizeMax""",
    ),
    "qmailGroup": ("mail mailAlternateAddress mailMessageStore", _QMAIL_GROUP),
    "posthousePerson": (
        "",
        """userClass posthouseUserClassModified posthouseAccountCreated posthouseAccountExpires posthouseAccountNotified
        posthouseNotification posthouseWamTime posthouseLastLogin posthouseServiceStatus posthouseDepartment posthouseSourceIdentifier
        posthousePurgeAfter posthouseSnagged posthouseUnlisted posthousePublicMail posthouseBiography posthouseResumeUri
        posthouseMessenger posthouseDelegate""",
    ),
    "posthouseShared": ("", "posthouseDelegate"),
    "posthouseDepartmentDetails": ("", "labeledURI posthousePublicMail posthouseHead posthouseSecretary posthouseShortName"),
}


def _names(text: str) -> frozenset[str]:
    return frozenset(text.lower().split())


CLASSES: dict[str, ClassRule] = {name.lower(): ClassRule(name, _names(must), _names(may)) for name, (must, may) in _CLASSES.items()}
"""By name in lower case."""
