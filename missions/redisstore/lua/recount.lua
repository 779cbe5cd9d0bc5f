-- Counts a partition's missions, and finds those that are RUNNING. It follows stored.lua.
--
-- ARGV[1…] types
--
-- Answers {STATUS:TYPE, how many, …} and {id, record without its content, …}.
local counts, running = {}, {}
for _, kind in ipairs(ARGV) do
	for _, status in ipairs({'PENDING', 'RUNNING', 'COMPLETED', 'FAILED', 'CANCELLED'}) do
		local n = call('ZCARD', P .. 'i:' .. status .. ':' .. kind)
		if status == 'PENDING' then
			for rank = 0, 3 do n = n + call('ZCARD', P .. 'q:' .. rank .. ':' .. kind) end
		end
		counts[#counts + 1], counts[#counts + 2] = status .. ':' .. kind, n
	end
	for _, id in ipairs(call('ZRANGE', P .. 'i:RUNNING:' .. kind, 0, -1)) do
		local m = call('GET', P .. 'm:' .. id)
		if m then running[#running + 1], running[#running + 2] = id, head_of(m) end
	end
end
return {counts, running}
