-- Step 10 of a check-in, of a booking and of a request. Order: operation, clock, proof, visit, limits, choice, findings; count all or
-- nothing; append; keep the answer.
-- On one server the operation's id is bound to its request here; in a cluster bind.lua did so before, where the id lies.
local BOUND = KEYS[16]
local first = BOUND and call('GET', BOUND)
if first and first ~= a.request then return {'conflict'} end
local stop = other_holder() or kept_answer()
if stop then return stop end
local at = instant()
if not at then return {'skew'} end
stop = lost_holder() or moved_head()
if stop then return stop end
local seq = last_seq + 1

-- Reasons in the order in which they are found; of equal rank the first found stands. A rank below nought is waived.
local reason, rank = a.found, a.found_rank
local function against(name)
  local its = a.ranks[name]
  if its >= 0 and (not reason or its < rank) then reason, rank = name, its end
end

-- A booking: holder, service, point, state, holds, held_by, used_by, scheduled_at, expected_at, opens_at, closes_at.
local booking
if a.booking then
  local kept = a.booking_seq and call('HGET', BOOKINGS, int(a.booking_seq))
  booking = kept and cmsgpack.unpack(kept)
  if booking and booking[1] ~= a.name then booking = nil end
  if not booking or booking[2] ~= a.service or booking[4] == 'cancelled' then against('booking-needed')
  elseif booking[4] == 'used' then against('booking-used')
  elseif booking[4] == 'missed' or at > booking[11] then against('booking-missed')
  elseif at < booking[10] then against('booking-too-early') end
end

local proof = a.claim and call('GET', PROOF) or nil
local free = not proof or proof == '0' .. a.device

local visit = a.visit and packed_of(visit_key(a.visit)) or nil
if visit and at >= visit[3] then visit = nil end -- over at exactly its end
local re_entry = visit and visit[5] and visit[4] < a.visit.re_entries

local used, over = {}, false
for place, limit in ipairs(a.limits) do
  used[place] = number_of(field('c', limit.limit, limit.period))
  if used[place] + limit.units > limit.least then over = true end
end

local taken = a.choice and packed_of(field('x', a.choice.group, a.choice.period)) or nil
if taken and taken[1] == a.choice.member then taken = nil end

if not re_entry then
  if visit then against('already-in') end
  if over then against('quota-spent') end
  if taken then against('excluded') end
end
if not free then reason = 'proof-used' end
re_entry = re_entry and not reason or false
local counted = not reason and not re_entry

local figures = {}
for place, limit in ipairs(a.limits) do
  figures[place] = {limit.limit, limit.period, used[place] + (counted and limit.units or 0), limit.maximum}
end
if booking then -- the limits told are those that the booking holds
  local places = {}
  for _, charge in ipairs(cjson.decode(leaf_at(booking[6])).charges or {}) do
    local key = field('c', charge.limit, charge.period)
    if not places[key] then
      figures[#figures + 1] = {}
      places[key] = #figures
    end
    figures[places[key]] = {charge.limit, charge.period, number_of(key), charge.maximum}
  end
end

local values = {outcome = '"outcome":"granted"'}
if reason then
  values = {outcome = '"outcome":"denied"', reason = reason == a.found and a.found_text or '"reason":"' .. reason .. '"'}
else
  values.window = a.window_text
  if counted then values.charges, values.choice = a.charges_text, a.choice_text end
end
local answered = visit
if not reason and a.visit then
  local began, ends = at, at + a.visit.length
  if visit then began, ends = visit[2], visit[3] end
  local bounds = ',"started_at":' .. int(began) .. '}'
  values.visit = '"visit":{"ends_at":' .. int(ends) .. bounds
  if re_entry then
    values.visit = '"visit":{"ends_at":' .. int(ends) .. ',"entry":"' .. id(visit[1]) .. '","left_at":' .. int(visit[5])
      .. ',"re_entry":' .. int(visit[4] + 1) .. bounds
    visit = {visit[1], began, ends, visit[4] + 1, false, seq, at}
    answered = visit
  else -- let into a visit that was running: it is this entry's from now on
    answered = visit and {visit[1], began, ends, visit[4] + 1, false}
    visit = {seq, began, ends, 0, false, seq, at}
    answered = answered or visit
  end
end
values.at, values.id, values.seq = '"at":' .. int(at), '"id":"' .. id(seq) .. '"', '"seq":' .. int(seq)
local text = join(values)

if BOUND and not first then call('SET', BOUND, a.request, 'PX', int(a.bound)) end
if a.new then call('HSET', SUBS, a.sub, a.salt) end
append(seq, at, text, (a.window_text or a.aside) and 'o' or (reason and 'd' or 'g'))
if counted then
  for _, limit in ipairs(a.limits) do count(limit.limit, limit.period, limit.units) end
  if a.choice then choose(a.choice, a.service, at, seq) end
end
if not reason and a.visit then
  call('HSET', HOLDER, visit_key(a.visit), cmsgpack.pack(visit))
  if not re_entry and visit[2] == at then call('ZADD', STAYS, int(at), member(seq) .. ':' .. int(visit[3]) .. ':1') end
end
if not reason and booking then
  booking[4], booking[7] = 'used', seq
  call('HSET', BOOKINGS, int(a.booking_seq), cmsgpack.pack(booking))
  call('ZREM', OPEN, member(a.booking_seq))
end
if not reason and a.window then
  local w = a.window
  local row = {a.name, a.service, a.point, 'held', true, seq, false, w.scheduled_at, w.expected_at, w.opens_at, w.closes_at}
  call('HSET', BOOKINGS, int(seq), cmsgpack.pack(row))
  call('HSET', HOLDER, 'b\0' .. int(seq), '')
  call('ZADD', EXPECTED, int(w.expected_at), member(seq))
  call('ZADD', OPEN, int(w.expected_at), member(seq))
end
if a.claim and reason ~= 'proof-used' then mark_proof(not reason) end
return conclude(cmsgpack.pack({
  seq, at, not reason, reason or false, figures, told_visit(answered),
  taken and {a.choice.group, taken[1], taken[3], taken[4], taken[5]} or false,
  re_entry, not reason and a.window and id(seq) or a.booking or false,
}), text)
