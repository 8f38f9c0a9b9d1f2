-- Posthouse: role mailstore. Changes here are undone by the next run.
-- Runs when a person's session or delivery begins: Dovecot makes Maildir when it must, but not .sieve, and without a home the
-- memory of who was answered already (.dovecot.lda-dupes) cannot be kept. A program is started only the first time.
-- A delivery has the person's effective ids only, and sh(1) gives those back: setpriv(1) makes them the real ones first.
function mail_user_created(user)
  local directory = user.home .. "/.sieve"
  local there = io.open(directory, "r")
  if there then
    there:close()
  else
    os.execute(string.format("umask 077; exec setpriv --reuid=%d --regid=%d --keep-groups mkdir -p -- '%s'",
      user.uid, user.gid, (directory:gsub("'", "'\\''"))))
  end
  return 0
end
