-- Writes what was judged outside, on a picture of the partition that must still be true: every change of its state is an
-- entry, so the head tells. ARGV from the fourth on: the answer to keep, the leaves, and commands: name, key's number, words.
local stop = other_holder() or kept_answer()
if stop then return stop end
if not instant() then return {'skew'} end
stop = lost_holder() or moved_head()
if stop then return stop end
if a.proof and (call('GET', PROOF) or '') ~= a.proof then return {'gone'} end -- a look claims without an entry

if a.new then call('HSET', SUBS, a.sub, a.salt) end
local place, packed = 5, ARGV[4]
local text
for _, entry in ipairs(a.entries) do
  text = ARGV[place]
  append(entry.seq, a.recorded, text, entry.sign)
  place = place + 1
end
for _, size in ipairs(a.commands) do
  local words = {}
  for word = 3, size do words[word - 2] = ARGV[place + word - 1] end
  call(ARGV[place], KEYS[tonumber(ARGV[place + 1])], unpack(words))
  place = place + size
end
if a.claim then mark_proof(true) end
return conclude(packed, text)
