# Posthouse: role mailstore. Changes here are undone by the next run.
# deliveryMode of qmail-ldap: `reply` answers with mailReplyText, `nolocal` (or `nombox`) keeps nothing here. Values are compared
# whole: `noreply` is a word of its own, which does nothing. Forwards are Postfix's work.
require ["encoded-character", "envelope", "variables", "vacation", "vnd.dovecot.environment"];

set :lower "modes" "|${env.vnd.dovecot.config.delivery_mode}|";
set "text" "${env.vnd.dovecot.config.reply_text}";

# The vacation extension itself is silent for the null sender, lists and automatic mail (RFC 5230 4.6); the rest is qmail-reply's.
if allof (string :contains "${modes}" "|reply|",
          not string "${text}" "",
          not exists ["Mailing-List", "X-RBL"],
          not header :contains "X-Spam-Status" "Yes",
          not header :contains "Precedence" ["junk", "bulk", "list"],
          not envelope :matches :localpart "from" ["*-request", "daemon", "*-daemon", "uucp", "mailer", "postmaster", "root", "*-relay"]) {
  set "original" "Your Mail";
  if header :matches "Subject" "?*" {
    set "original" "${0}";
  }
  set "subject" "[Auto-Reply] ${original}";
  # A text may begin with headers of its own, up to the first empty line: the magic word %HEADER%. Of these the Subject counts.
  if anyof (string :matches "${text}" "%HEADER%${hex:0a}*${hex:0a 0a}*",
            string :matches "${text}" "%HEADER%${hex:0d 0a}*${hex:0d 0a 0d 0a}*") {
    set "text" "${2}";
    if string :matches "${hex:0a}${1}${hex:0a}" "*${hex:0a}Subject: *${hex:0a}*" {
      set "subject" "${2}";
      if string :matches "${subject}" "*${hex:0d}" {
        set "subject" "${1}";
      }
      if string :matches "${subject}" "*%SUBJECT%*" {
        set "subject" "${1}${original}${2}";
      }
    }
  }
  vacation :days 14 :subject "${subject}" "${text}";
}
if string :matches "${modes}" ["*|nolocal|*", "*|nombox|*"] {
  discard;
}
