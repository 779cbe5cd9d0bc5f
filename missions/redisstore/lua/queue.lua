-- Answers the first claimable missions of a type: {rank, seq, id, bytes, …}. A byte of a record
-- may be two on the wire.
--
-- ARGV[1]  the type   ARGV[2]  the most
local heads, left = {}, ARGV[2] + 0
for rank = 3, 0, -1 do
	if left <= 0 then break end
	local rows = call('ZRANGE', P .. 'q:' .. rank .. ':' .. ARGV[1], '-inf', '+inf', 'BYSCORE', 'LIMIT', 0, left, 'WITHSCORES')
	for i = 1, #rows, 2 do
		local id, n = rows[i], #heads
		local bytes = 2 * call('STRLEN', P .. 'm:' .. id) + call('STRLEN', P .. 'd:' .. id)
		heads[n + 1], heads[n + 2], heads[n + 3], heads[n + 4] = tostring(rank), rows[i + 1], id, bytes
	end
	left = left - #rows / 2
end
return heads
