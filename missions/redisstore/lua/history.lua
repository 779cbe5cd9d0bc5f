-- uses: sample
-- Reads what happened in some minutes.
--
-- KEYS[1]  the partition's meta hash
-- ARGV[2]  a type, '' for all   ARGV[3]  the first minute, since the epoch   ARGV[4]  how many
--
-- Answers {pending now, running now, {n of each of missions.Happenings(), pending and
-- running at the minute's end ('' where that is not known), …}}.
local kind, from = ARGV[2], ARGV[3] + 0
local suffix = kind == '' and '' or ':' .. kind
local fields = {}
for what = 0, 4 do fields[#fields + 1] = what .. suffix end
fields[#fields + 1], fields[#fields + 2] = 'P' .. suffix, 'R' .. suffix
fields[#fields + 1] = 'P' -- there once a sample was taken

local answer = {}
for m = from, from + ARGV[4] - 1 do
	local values = call('HMGET', P .. 'n:' .. int(m), unpack(fields))
	for i = 1, 7 do answer[#answer + 1] = values[i] or (i > 5 and not values[8] and '') or '0' end
end
if kind == '' then return {int(totals['0']), int(totals['1']), answer} end
return {call('HGET', P .. 'ct', '0:' .. kind) or '0', call('HGET', P .. 'ct', '1:' .. kind) or '0', answer}
