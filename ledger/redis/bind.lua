-- Binds a device's operation id to its request, in a cluster: the first one stands. KEYS: the binding. ARGV: the request's hash, for how long in ms.
local first = redis.call('GET', KEYS[1])
if first then return first end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return ARGV[1]
