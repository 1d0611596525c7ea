-- Closes the visit that the target opened or entered again; one followed by another since is left late.
if leaf_at(a.target) ~= a.target_leaf then return {'gone'} end
local stop = kept_answer()
if stop then return stop end
local at = instant()
if not at then return {'skew'} end
stop = lost_holder() or moved_head()
if stop then return stop end
if not a.granted then return {'target', 'not-granted'} end
if not a.visit then return {'target', 'no-visit'} end
local opener = a.visit.entry
if call('HEXISTS', VOIDED, int(a.target)) == 1 then return {'target', 'already-voided'} end
if opener ~= a.target and call('HEXISTS', VOIDED, int(opener)) == 1 then return {'target', 'no-visit'} end
local visit = packed_of(visit_key(a.visit))
local current = visit ~= nil and visit[1] == opener
local left
if current then
  left = visit[5]
else
  visit = {opener, a.visit.started_at, a.visit.ends_at, a.visit.re_entries, false, a.target, a.target_at}
  left = call('HEXISTS', LEFT, int(a.target)) == 1
end
if left then return {'target', 'checked-out'} end
if a.out_at < visit[7] or a.out_at > at then return {'target', 'out-of-range'} end

local closed = '"visit":{"ends_at":' .. int(visit[3]) .. ',"entry":"' .. id(opener) .. '","left_at":' .. int(a.out_at)
  .. ',"started_at":' .. int(visit[2]) .. '}'
local text = append(at, {visit = closed}, 'o')
local seq = last_seq + 1
call('HSET', LEFT, int(opener), int(seq), int(visit[6]), int(seq))
visit[5] = a.out_at
if current then call('HSET', HOLDER, visit_key(a.visit), cmsgpack.pack(visit)) end
return conclude({seq, at, true, false, {}, told_visit(visit), false, false, false}, text)
