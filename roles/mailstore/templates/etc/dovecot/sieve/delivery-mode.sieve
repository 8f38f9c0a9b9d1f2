# Posthouse: role mailstore. Changes here are undone by the next run.
# deliveryMode of qmail-ldap: `reply` answers with mailReplyText, `nolocal` (or `nombox`) keeps nothing here. Values are compared
# whole: `noreply` is a word of its own, which does nothing. Forwards are Postfix's work.
require ["envelope", "variables", "vacation", "vnd.dovecot.environment"];

set :lower "modes" "|${env.vnd.dovecot.config.delivery_mode}|";
set "text" "${env.vnd.dovecot.config.reply_text}";

# The vacation extension itself is silent for the null sender, lists and automatic mail (RFC 5230 4.6); the rest is qmail-reply's.
if allof (string :contains "${modes}" "|reply|",
          not string "${text}" "",
          not exists ["Mailing-List", "X-RBL"],
          not header :contains "X-Spam-Status" "Yes",
          not header :contains "Precedence" ["junk", "bulk", "list"],
          not envelope :matches :localpart "from" ["*-request", "daemon", "*-daemon", "uucp", "mailer", "postmaster", "root", "*-relay"]) {
  set "subject" "Your Mail";
  if header :matches "Subject" "?*" {
    set "subject" "${0}";
  }
  vacation :days 14 :subject "[Auto-Reply] ${subject}" "${text}";
}
if string :matches "${modes}" ["*|nolocal|*", "*|nombox|*"] {
  discard;
}
