-- Counts a partition's missions, and finds those that are RUNNING.
--
-- ARGV[1…] types
--
-- Answers {STATUS:TYPE, how many, …} and the ids of RUNNING missions.
local P = string.sub(KEYS[1], 1, -5)
local counts, running = {}, {}
for _, kind in ipairs(ARGV) do
	for _, status in ipairs({'PENDING', 'RUNNING', 'COMPLETED', 'FAILED', 'CANCELLED'}) do
		local n = redis.call('ZCARD', P .. 'i:' .. status .. ':' .. kind)
		if status == 'PENDING' then
			for rank = 0, 3 do n = n + redis.call('ZCARD', P .. 'q:' .. rank .. ':' .. kind) end
		end
		counts[#counts + 1], counts[#counts + 2] = status .. ':' .. kind, n
	end
	for _, id in ipairs(redis.call('ZRANGE', P .. 'i:RUNNING:' .. kind, 0, -1)) do running[#running + 1] = id end
end
return {counts, running}
