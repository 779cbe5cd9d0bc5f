-- Finds missions, newest first.
--
-- ARGV[1]  older than this age   ARGV[2]  newer than this age
-- ARGV[3]  the most missions     ARGV[4]  the most to look at
-- ARGV[5]  the most bytes beyond the first mission, 0 for no bound
-- ARGV[6]  '1' for what comes before data and result in place of whole missions
-- ARGV[7…10] status, type, agent, tag; '' for any
-- ARGV[11…]  labels
--
-- Answers {age to go on below, '' when there are no more; how many it looked at; missions, of
-- which each has its age behind it}.
local most, examine, budget, heads = ARGV[3] + 0, ARGV[4] + 0, ARGV[5] + 0, ARGV[6] == '1'
local status, kind, agent, tag = ARGV[7], ARGV[8], ARGV[9], ARGV[10]

-- Each source is a sorted set in which what matches stands by age.
local sources = {}

local function source(key) sources[#sources + 1] = {key = P .. key, below = ARGV[1], at = 1, rows = {}} end

local function sources_of(s, k)
	if status ~= '' and s ~= status then return end
	source('i:' .. s .. ':' .. k)
	if s == 'PENDING' then
		for rank = 0, 3 do source('q:' .. rank .. ':' .. k) end
	end
end

if ARGV[11] then
	source('ig:' .. ARGV[11])
elseif agent ~= '' then
	source('ia:' .. agent)
elseif tag ~= '' then
	source('ig:' .. tag)
elseif kind ~= '' and status ~= '' then
	sources_of(status, kind)
else
	for _, field in ipairs(call('HKEYS', P .. 'counts')) do
		local s, k = match(field, '^(%u+):(.+)$')
		if kind == '' or k == kind then sources_of(s, k) end
	end
end

local chunk = math.max(8, math.ceil(math.min(most, examine) / math.max(#sources, 1)))

-- head is the age of the newest row of a source that has not been looked at yet.
local function head(src)
	if src.at > #src.rows and not src.over then
		src.rows = call('ZRANGE', src.key, '(' .. src.below, '(' .. ARGV[2], 'BYSCORE', 'REV', 'LIMIT', 0, chunk, 'WITHSCORES')
		src.at, src.over = 1, #src.rows < 2 * chunk
		if #src.rows > 0 then src.below = src.rows[#src.rows] end
	end
	return src.rows[src.at + 1]
end

local function newest()
	local best, age
	for _, src in ipairs(sources) do
		local s = head(src)
		if s and (not best or s + 0 > age) then best, age = src, s + 0 end
	end
	return best
end

-- matches checks what the source does not decide.
local checks = ARGV[11] or (agent ~= '' or tag ~= '') and (status ~= '' or kind ~= '' or tag ~= '')

-- stands checks whether a mission of some age stands in a sorted set.
local function stands(key, id, age)
	for _, member in ipairs(call('ZRANGE', P .. key, age, age, 'BYSCORE')) do
		if member == id then return true end
	end
	return false
end

-- labelled checks the labels, and the agent if the source is a label.
local function labelled(id, age)
	for i = 12, #ARGV do
		if not stands('ig:' .. ARGV[i], id, age) then return false end
	end
	return agent == '' or stands('ia:' .. agent, id, age)
end

local function matches(m)
	local s, rest = match(m, '^{"status":"(%u+)",(.*)$')
	local k, tags = match(rest or sub(m, 2), '^"type":"([^"]*)",?([^%]]*)')
	s = s or 'PENDING'
	if status ~= '' and s ~= status or kind ~= '' and k ~= kind then return false end
	return tag == '' or sub(tags, 1, 7) == '"tags":' and find(tags, '"' .. tag .. '"', 8, true)
end

local page, looked, bytes, last, following = {}, 0, 0, '', ''
while true do
	local src = newest()
	if not src then break end
	if looked == examine or #page == most then
		following = last
		break
	end
	local id, age = src.rows[src.at], src.rows[src.at + 1]
	local record = call('GET', P .. 'm:' .. id)
	if not record then return redis.error_reply('ERR mission ' .. id .. ' is in a list, but has no record') end
	if not checks or matches(record) and (not ARGV[11] or labelled(id, age)) then
		local m = heads and {id, head_of(record), '', '', ''} or fetch(id)
		bytes = bytes + #m[2] + #m[4] + #m[5]
		if budget > 0 and bytes > budget and page[1] then
			following = last
			break
		end
		m[#m + 1] = age
		page[#page + 1] = m
	end
	src.at = src.at + 2
	looked, last = looked + 1, age
end
return {following, tostring(looked), page}
