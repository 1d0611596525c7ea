-- Shared by every script and put before it. ARGV[1] is the request, a msgpack map; what is no text stands beside it, since
-- Redis's msgpack knows no binary. KEYS stand in the order of keys.py.
-- A script reads and decides first and writes last: nothing it has written is ever undone.
local HEAD, LOG, TIMES, SUBS, HOLDER, OWN, OP, POINT, BOOKINGS, EXPECTED, OPEN, STAYS, PROOF = unpack(KEYS)
local a = cmsgpack.unpack(ARGV[1])
a.request, a.salt = ARGV[2], ARGV[3]
local call = redis.call
local SEQ_BYTES = 6

local function int(number) return string.format('%.0f', number) end
local function id(seq) return string.format('%02x-%06d', a.partition, seq) end

local time = call('TIME')
local server = time[1] * 1000 + math.floor(time[2] / 1000)
local own = a.own or server -- another clock stands in for the server's in tests and demonstrations

-- What is kept for a time is kept by the server's clock.
local function until_(millis) return int(millis + server - own) end

local head = call('HMGET', HEAD, 'seq', 'at', 'tag')
local last_seq, last_at, last_tag = tonumber(head[1] or 0), tonumber(head[2] or 0), head[3] or ''

local function leaf_at(seq)
  local found = call('XRANGE', LOG, int(seq) .. '-0', int(seq) .. '-0')
  return found[1] and found[1][2][2] or false
end

-- The instant to record (skew.py): the request's, never before the partition's last. The host's clock as it sent the request is
-- compared with this server's; how long the request had been worked on by then is bounded apart.
local function instant()
  local at = math.max(a.at, last_at)
  local apart = math.max(math.abs(a.host - own), a.at - a.host, at - own)
  if apart > a.skew or a.host - a.at > a.age then return nil end
  return at
end

-- The salt that a holder has by now: nil when it is the one that the request was made with.
local function other_holder()
  if not a.sub then return nil end
  local kept = call('HGET', SUBS, a.sub)
  if not kept then return not a.new and {'holder', false} or nil end
  if string.sub(kept, 1, #a.salt) ~= a.salt then return {'holder', kept} end
  a.new, a.marked = false, #kept > #a.salt
  return nil
end

-- Counters lost behind the ledger's back would look like none used. Every holder's entries are counted twice, in two keys.
local function lost_holder()
  if not a.name then return nil end
  local entries = tonumber(call('HGET', HOLDER, 'n') or 0)
  if entries * SEQ_BYTES ~= call('STRLEN', OWN) or (a.marked and entries == 0) then
    return {'damaged', 'what a holder has used is missing or incomplete'}
  end
  return nil
end

-- The kept answer of the operation. Answered again, it must be as durable as the first time: with replicas to wait for,
-- a write puts this connection's mark behind the entry's.
local function kept_answer()
  local kept = call('GET', OP)
  if not kept then return nil end
  local length = string.byte(kept, 1)
  if string.sub(kept, 2, length + 1) ~= a.request then return {'conflict'} end
  local answer = string.sub(kept, length + 2)
  if a.wait then call('HSET', HEAD, 'again', '1') end
  return {'kept', answer, leaf_at(cmsgpack.unpack(answer)[1])}
end

-- Only who knows the last leaf can name its hash: the request carries it, for the head it was computed for.
local function moved_head()
  if a.seq == last_seq and a.tag == last_tag then return nil end
  return {'moved', int(last_seq), last_tag, last_seq > 0 and leaf_at(last_seq), a.acked > 0 and leaf_at(a.acked)}
end

local function join(values)
  local parts = {}
  for _, piece in ipairs(a.pieces) do
    local text = piece
    if string.byte(piece, 1) == 64 then text = values[string.sub(piece, 2)] end -- 64 is @
    if text then parts[#parts + 1] = text end
  end
  return '{' .. table.concat(parts, ',') .. '}'
end

-- `sign` is g, d or o: a use granted or denied, or no use at all.
local function append(seq, at, text, sign)
  local place = int(at) .. '-' .. int(seq)
  call('XADD', LOG, int(seq) .. '-0', 'l', text)
  call('XADD', TIMES, place, 'o', sign)
  call('XADD', POINT, place, 'o', sign)
  if a.name then
    if a.sub and not a.marked then call('HSET', SUBS, a.sub, a.salt .. '+') end
    call('APPEND', OWN, struct.pack('>I6', seq))
    call('HINCRBY', HOLDER, 'n', 1)
  end
  call('HSET', HEAD, 'seq', int(seq), 'at', int(at), 'tag', a.next)
  call('HINCRBY', HEAD, sign, 1)
end

-- Keeps the answer for a retry and gives it; replies.py tells its parts.
local function conclude(packed, text)
  call('SET', OP, string.char(#a.request) .. a.request .. packed, 'PXAT', until_(a.keep))
  return {'done', packed, text, a.next}
end

local function field(kind, first, second) return kind .. '\0' .. first .. '\0' .. second end

-- The place of an entry among others of one instant: by its seq.
local function member(seq) return string.format('%012d', seq) end

local function number_of(key) return tonumber(call('HGET', HOLDER, key) or 0) end

local function packed_of(key)
  local found = call('HGET', HOLDER, key)
  return found and cmsgpack.unpack(found) or nil
end

local function count(limit, period, units) call('HINCRBY', HOLDER, field('c', limit, period), units) end

-- A visit: entry, started_at, ends_at, re_entries, left_at or false, inside, inside_at; entries by seq.
local function visit_key(visit) return field('v', visit.service, visit.point) end
local function told_visit(v) return v and {v[1], v[2], v[3], v[4], v[5]} or false end

-- A choice: member, uses, service, at, entry.
local function choose(choice, service, at, seq)
  local key = field('x', choice.group, choice.period)
  local taken = packed_of(key) or {choice.member, 0, service, at, seq}
  taken[2] = taken[2] + 1
  call('HSET', HOLDER, key, cmsgpack.pack(taken))
end

-- A proof marker: 0 claimed or 1 spent, and by which device. Never kept shorter than before.
local function mark_proof(spent)
  local keep = math.max(until_(a.claim.keep), call('PEXPIRETIME', PROOF))
  call('SET', PROOF, (spent and '1' or '0') .. a.device, 'PXAT', int(keep))
end
