-- Step 10 of a check-in. Order: operation, clock, proof, visit, limits, choice, findings; count all or nothing; append.
local stop = other_holder() or kept_answer()
if stop then return stop end
local at = instant()
if not at then return {'skew'} end
stop = lost_holder() or moved_head()
if stop then return stop end
local seq = last_seq + 1

-- Reasons in the order in which they are found; of equal rank the first found stands.
local reason, rank = a.found, a.found_rank
local function against(name)
  local its = a.ranks[name]
  if its >= 0 and (not reason or its < rank) then reason, rank = name, its end
end

local claim = a.claim
local proof = claim and call('GET', PROOF) or nil
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

local values = {outcome = '"outcome":"granted"'}
if reason then
  values = {outcome = '"outcome":"denied"', reason = reason == a.found and a.found_text or '"reason":"' .. reason .. '"'}
elseif counted then
  values.charges, values.choice = a.charges_text, a.choice_text
end
if not reason and a.visit then
  if re_entry then
    local left = visit[5]
    visit = {visit[1], visit[2], visit[3], visit[4] + 1, false, seq, at}
    values.visit = '"visit":{"ends_at":' .. int(visit[3]) .. ',"entry":"' .. id(visit[1]) .. '","left_at":' .. int(left)
      .. ',"re_entry":' .. int(visit[4]) .. ',"started_at":' .. int(visit[2]) .. '}'
  else
    visit = {seq, at, at + a.visit.length, 0, false, seq, at}
    values.visit = '"visit":{"ends_at":' .. int(visit[3]) .. ',"started_at":' .. int(visit[2]) .. '}'
  end
end

if a.new then call('HSET', SUBS, a.sub, a.salt) end
local text = append(at, values, reason and 'd' or 'g')
if counted then
  for _, limit in ipairs(a.limits) do count(limit.limit, limit.period, limit.units) end
  if a.choice then choose(a.choice, a.service, at, seq) end
end
if not reason and a.visit then call('HSET', HOLDER, visit_key(a.visit), cmsgpack.pack(visit)) end
if claim and reason ~= 'proof-used' then
  local keep = until_(claim.keep)
  call('SET', PROOF, (reason and '0' or '1') .. a.device, 'PXAT', math.max(keep, call('PEXPIRETIME', PROOF)))
end
local told_taken = taken and {a.choice.group, taken[1], taken[3], taken[4], taken[5]} or false
return conclude(
  {seq, at, not reason, reason or false, figures, told_visit(visit), told_taken, re_entry, false}, text)
