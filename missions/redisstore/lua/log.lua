-- uses: record
-- Reads a mission's log. Its first entry tells of the creation and is not stored.
--
-- KEYS[1]  the partition's meta hash
-- ARGV[2]  id   ARGV[3]  after this position   ARGV[4]  how many entries at most
--
-- Answers {created_at, {entry, …}} from that position on, one more than asked for if
-- there are more; {} for no such mission. Position 2 is the first entry of the record,
-- and the list g:ID goes on behind its last.
local m = fetch(ARGV[2])
if not m then return {} end
local skip, most = math.max(ARGV[3] - 1, 0), ARGV[4] + 1
local entries, stored = {}, 0
for entry in string.gmatch(m.log, '[^%z]*%z[^%z]*%z[^%z]*%z') do
	stored = stored + 1
	if stored > skip and #entries < most then entries[#entries + 1] = 's\0' .. sub(entry, 1, -2) end
end
if m.j == 1 and #entries < most then
	local from = math.max(skip - stored, 0)
	for _, entry in ipairs(call('LRANGE', P .. 'g:' .. m.id, from, from + most - #entries - 1)) do entries[#entries + 1] = entry end
end
return {m.score, entries}
