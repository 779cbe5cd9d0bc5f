-- Reads the outbox.
--
-- KEYS[1]  the partition's meta hash
-- ARGV[2]  after this position   ARGV[3]  how many events at most
--
-- Answers {position, event, …}.
local ENTRIES_AT_ONCE = 32 -- of which each holds up to 16 events: lib/tally.lua

local after, most = math.max(ARGV[2], gone), ARGV[3] * 2
local answer = {}
repeat
	local entries = call('XRANGE', P .. 'o', int(after + 1) .. '-0', '+', 'COUNT', ENTRIES_AT_ONCE)
	for _, entry in ipairs(entries) do
		local last, events = string.match(entry[1], '^%d+') + 0, entry[2]
		for i = 2, #events, 2 do
			local position = last - (#events - i) / 2
			if position > after and #answer < most then
				answer[#answer + 1], answer[#answer + 2] = int(position), events[i]
			end
		end
		after = last
	end
until #entries < ENTRIES_AT_ONCE or #answer >= most
return answer
