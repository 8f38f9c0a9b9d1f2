-- Posthouse: role mailstore. Changes here are undone by the next run.
-- Runs as the person when their session or delivery begins: Dovecot makes Maildir when it must, but not .sieve, and without a home
-- the memory of who was answered already (.dovecot.lda-dupes) cannot be kept. lua-posix calls mkdir(2) itself: a program started
-- from here would have the effective ids of LMTP's process replaced by its real ones, which are root's.
local stat = require("posix.sys.stat")
local mode = tonumber("700", 8)

function mail_user_created(user)
  local directory = user.home .. "/.sieve"
  if stat.stat(directory) == nil then
    stat.mkdir(user.home, mode)
    stat.mkdir(directory, mode)
  end
  return 0
end
