-- Takes a check-in back. The target's leaf was read before, and must still be the one in its place.
if leaf_at(a.target) ~= a.target_leaf then return {'gone'} end
local stop = kept_answer()
if stop then return stop end
local at = instant()
if not at then return {'skew'} end
stop = lost_holder() or moved_head()
if stop then return stop end
if not a.granted then return {'target', 'not-granted'} end
if call('HEXISTS', VOIDED, int(a.target)) == 1 then return {'target', 'already-voided'} end
if not a.after_check_out and call('HEXISTS', LEFT, int(a.target)) == 1 then return {'target', 'checked-out'} end
if a.refusal then return {'target', a.refusal} end

local text = append(at, {}, 'o')
local seq = last_seq + 1
if a.choice then unchoose(a.choice) end
local figures = {}
for place, limit in ipairs(a.limits) do
  figures[place] = {limit.limit, limit.period, count(limit.limit, limit.period, -limit.units), limit.maximum}
end
local visit = a.visit and packed_of(visit_key(a.visit)) or nil
if visit and visit[1] == a.target then
  call('HDEL', HOLDER, visit_key(a.visit))
elseif visit and a.visit.entry == visit[1] then -- of a re-entry only that is undone: back to having left
  visit[4] = visit[4] - 1
  if visit[6] == a.target and not visit[5] then visit[5] = a.visit.left_at end
  call('HSET', HOLDER, visit_key(a.visit), cmsgpack.pack(visit))
end
call('HSET', VOIDED, int(a.target), int(seq))
return conclude({seq, at, true, false, figures, false, false, false, false}, text)
