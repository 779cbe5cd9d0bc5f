-- uses: record
-- Lists missions that match, newest first.
--
-- KEYS[1]  the partition's meta hash
-- ARGV[2]  older than this seq   ARGV[3]  newer than this seq
-- ARGV[4]  the most missions     ARGV[5]  the most to look at
-- ARGV[6]  the most bytes beyond the first mission, 0 for no bound
-- ARGV[7]  '1' for ids and names in place of whole missions
-- ARGV[8…11] status, its place in missions.Statuses(); type; agent; tag; '' for any
--
-- Answers {seq to go on below, '' when there are no more; how many it looked at,
-- {mission, …} or {{seq, id, name}, …}}.
local most, examine, budget, names = ARGV[4] + 0, ARGV[5] + 0, ARGV[6] + 0, ARGV[7] == '1'
local status, kind, agent, tag = ARGV[8], ARGV[9], ARGV[10], ARGV[11]

-- Each source is a sorted set in which what matches stands in order of seq.
local sources = {}

local function source(key) sources[#sources + 1] = {key = P .. key, below = ARGV[2], at = 1, rows = {}} end

local function sources_of(field)
	local s, k = string.match(field, '^(%d):(.+)$')
	if status ~= '' and s ~= status or kind ~= '' and k ~= kind then return end
	source('i:' .. s .. ':' .. k)
	if s == '0' then
		for priority = 0, 3 do source('q:' .. priority .. ':' .. k) end
	end
end

if agent ~= '' then
	source('ia:' .. agent)
elseif tag ~= '' then
	source('ig:' .. tag)
elseif kind ~= '' then
	for s = 0, 4 do sources_of(s .. ':' .. kind) end
else
	for _, field in ipairs(call('HKEYS', P .. 'ct')) do sources_of(field) end
end

local chunk = math.max(8, math.ceil(math.min(most, examine) / math.max(#sources, 1)))

-- head is the newest row of a source that has not been looked at yet: its seq.
local function head(src)
	if src.at > #src.rows and not src.over then
		src.rows = call('ZRANGE', src.key, '(' .. src.below, '(' .. ARGV[3], 'BYSCORE', 'REV', 'LIMIT', 0, chunk, 'WITHSCORES')
		src.at, src.over = 1, #src.rows < 2 * chunk
		if #src.rows > 0 then src.below = src.rows[#src.rows] end
	end
	return src.rows[src.at + 1]
end

local function newest()
	local best, best_seq
	for _, src in ipairs(sources) do
		local s = head(src)
		if s and (not best or s + 0 > best_seq) then best, best_seq = src, s + 0 end
	end
	return best, best_seq
end

-- matches checks what the source does not decide.
local checks = (agent ~= '' or tag ~= '') and (status ~= '' or kind ~= '' or tag ~= '')

local function matches(m)
	if status ~= '' and DIGIT[m.S] ~= status or kind ~= '' and m.t ~= kind then return false end
	if tag == '' then return true end
	for _, t in ipairs(split(m.g)) do
		if t == tag then return true end
	end
	return false
end

local page, looked, bytes, last, following = {}, 0, 0, '', ''
while true do
	local src, s = newest()
	if not src then break end
	if looked == examine or #page == most then
		following = last
		break
	end
	local id = src.rows[src.at]
	local m = fetch(id)
	if not checks or matches(m) then
		bytes = bytes + size(m)
		if budget > 0 and bytes > budget and page[1] then
			following = last
			break
		end
		page[#page + 1] = names and {int(s), id, (parts(m))} or told(m)
	end
	src.at = src.at + 2
	looked, last = looked + 1, int(s)
end
return {following, tostring(looked), page}
