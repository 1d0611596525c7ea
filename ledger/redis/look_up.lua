-- The kept answer of an operation (step 0), and the head where it is not the one that the caller knows.
local stop = other_holder() or kept_answer()
if stop then return stop end
return moved_head() or {'none'}
