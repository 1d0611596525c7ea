-- Claims a proof for a look: free, or this device's own and not spent. No entry.
local stop = other_holder()
if stop then return stop end
if not instant() then return {'skew'} end
if a.new then call('HSET', SUBS, a.sub, a.salt) end
local proof = call('GET', PROOF)
if proof and proof ~= '0' .. a.device then return {'claimed', 0} end
mark_proof(false)
return {'claimed', 1}
