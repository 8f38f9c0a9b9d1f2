-- Posthouse: role mailstore. Changes here are undone by the next run.
-- Runs in LMTP's process, as the person, when a letter has been put into a mailbox: a second name for its file, in a spool beside the
-- homes, keeps it for the backup even when it is deleted at once. A symbolic link beside it holds what is known of it: one call that
-- succeeds or does not, and no data to wait for. Whatever fails here is a line in the journal and never a fault of the delivery.
-- One module, and another only where it is needed: all of this is loaded anew for each delivery.
local unistd = require("posix.unistd")

local spool = "{{ mailstore_copies_spool }}/"
local maildir = "/Maildir"
local letters = { ["\\Draft"] = "D", ["\\Flagged"] = "F", ["\\Answered"] = "R", ["\\Seen"] = "S", ["\\Deleted"] = "T" }

-- The name of a file begins with the moment of the delivery (Maildir): 1795401973.M820620P3777.hermes.
local function moment(base)
  local second, micro = base:match("^(%d+)%.M(%d+)")
  return string.format("%d.%06d", second or os.time(), micro or 0)
end

local function escaped(text)
  return (text:gsub("[^%w%-%._~/\\$]", function(one) return string.format("%%%02X", one:byte()) end))
end

-- A folder's name as Maildir++ writes it: UTF-7 as IMAP changed it (RFC 3501 section 5.1.3).
local function in_utf7(name)
  if not name:find("[^ -%%'-~]") then return name end
  local base64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,"
  local out, bits, count = {}, 0, 0
  local open = false
  local function close()
    if not open then return end
    if count > 0 then
      local index = (bits << (6 - count)) & 63
      out[#out + 1] = base64:sub(index + 1, index + 1)
    end
    out[#out + 1] = "-"
    open, bits, count = false, 0, 0
  end
  local function put(unit)
    bits, count = (bits << 16) | unit, count + 16
    while count >= 6 do
      count = count - 6
      local index = (bits >> count) & 63
      out[#out + 1] = base64:sub(index + 1, index + 1)
    end
    bits = bits & ((1 << count) - 1)
  end
  for _, code in utf8.codes(name) do
    if code >= 0x20 and code <= 0x7e then
      close()
      out[#out + 1] = code == 0x26 and "&-" or string.char(code)
    else
      if not open then out[#out + 1] = "&" end
      open = true
      if code >= 0x10000 then
        put(0xd800 + ((code - 0x10000) >> 10))
        put(0xdc00 + ((code - 0x10000) & 0x3ff))
      else
        put(code)
      end
    end
  end
  close()
  return table.concat(out)
end

-- The newest file in a folder that this very process made, not long ago: its number is in the name, and it delivers one
-- letter at a time.
local function made_here(folder, since)
  local mine, newest, base = string.format("P%d.", unistd.getpid()), -1, nil
  for _, place in ipairs({ "/new", "/cur" }) do
    for name in require("posix.dirent").files(folder .. place) do
      local second, micro, process = name:match("^(%d+)%.M(%d+)(P%d+%.)")
      if process == mine and tonumber(second) >= since and second * 1e6 + micro > newest then
        newest, base = second * 1e6 + micro, name:match("^[^:]+")
      end
    end
  end
  return base or error("its file cannot be found", 0)
end

-- The name of the file with this UID. It was appended just now, so it stands near the end; Dovecot rewrites the list now and then.
local function listed(folder, uid)
  local list = io.open(folder .. "/dovecot-uidlist", "rb")
  if not list then return nil end
  local size, length, found = list:seek("end"), 512, nil
  repeat
    length = math.min(length * 8, size)
    list:seek("set", size - length)
    found = ("\n" .. (list:read(length) or "")):match("\n" .. uid .. " [^\n]-:([^\n:]+)[^\n]*\n")
  until found or length == size
  list:close()
  return found
end

-- Delivered with flags, or seen by a program meanwhile, it lies in cur.
local function linked(folder, base, flags, target)
  if unistd.link(folder .. "/new/" .. base, target) == 0 then return end
  local known = {}
  for _, flag in ipairs(flags) do known[#known + 1] = letters[flag] end
  table.sort(known)
  for _, info in ipairs({ table.concat(known), "" }) do
    if unistd.link(folder .. "/cur/" .. base .. ":2," .. info, target) == 0 then return end
  end
  for name in require("posix.dirent").files(folder .. "/cur") do
    if name:sub(1, #base + 1) == base .. ":" then
      local status, fault = unistd.link(folder .. "/cur/" .. name, target)
      if status == 0 then return end
      error(fault, 0)
    end
  end
  local _, fault = unistd.link(folder .. "/new/" .. base, target)
  if unistd.access(target) ~= 0 then error(fault, 0) end
end

local function capture(user, event, since)
  local uid = string.format("%d", event.uid)
  local folder = user.home .. maildir
  if event.mailbox ~= "INBOX" then folder = folder .. "/." .. in_utf7(event.mailbox) end
  local flags = {}
  for _, flag in ipairs(event.flags or {}) do flags[#flags + 1] = flag end
  for _, flag in ipairs(event.keywords or {}) do flags[#flags + 1] = flag end
  -- Two deliveries to one mailbox at a time: only one gets the list, and the other's letter has no UID yet (0).
  local base = uid ~= "0" and listed(folder, uid) or made_here(folder, since)
  linked(folder, base, flags, spool .. base .. ".letter")
  local facts = string.format("%s %s %s %s %.0f", moment(base), escaped(user.username), escaped(event.mailbox), uid, event.uid_validity)
  for _, flag in ipairs(flags) do
    -- A link's target has at most 4095 bytes (symlink(2)).
    if #facts + 3 * #flag < 4000 then facts = facts .. " " .. escaped(flag) end
  end
  local status, fault = unistd.link(facts, spool .. base .. ".note", true)
  if status ~= 0 and unistd.access(spool .. base .. ".note") == 0 then error(fault, 0) end
end

function dovecot_lua_notify_begin_txn(user)
  -- Names are made with the time that Dovecot knew when it last looked.
  return { user = user, events = {}, since = os.time() - 60 }
end

function dovecot_lua_notify_event_message_new(context, event)
  context.events[#context.events + 1] = event
end

function dovecot_lua_notify_end_txn(context, success)
  if not success then return end
  for _, event in ipairs(context.events) do
    local done, fault = pcall(capture, context.user, event, context.since)
    if not done then
      dovecot.i_warning("no copy for the backup: " .. tostring(fault))
      pcall(function()
        local name = string.format("%s%d.%d.%.0f.missed", spool, os.time(), unistd.getpid(), os.clock() * 1e6)
        unistd.link(string.format("%s %s", escaped(context.user.username), escaped(tostring(fault))), name, true)
      end)
    end
  end
end
