-- uses: tally agent
-- Lists agents by id.
--
-- KEYS[1]  the partition's meta hash
-- ARGV[2]  state, its place in missions.AgentStates(), '' for all
-- ARGV[3]  a type that they serve, '' for all
-- ARGV[4]  the most agents, 0 for all   ARGV[5]  list behind this id, '' for all
--
-- Answers {how many match in all, '1' if there are more, {{hash, missions running}, …}}.
local state, kind, most, after = ARGV[2], ARGV[3], ARGV[4] + 0, ARGV[5]

local function serves(a)
	if kind == '' then return true end
	for _, t in ipairs(split(a.t)) do
		if t == kind then return true end
	end
	return false
end

local count, more, page = 0, '0', {}
for _, id in ipairs(call('ZRANGE', P .. 'as', 0, -1)) do
	local a = fetch_agent(id)
	if (state == '' or a.S == state) and serves(a) then
		count = count + 1
		if id > after then
			if most > 0 and #page == most then
				more = '1'
			else
				local hash = {}
				for field, value in pairs(a) do
					hash[#hash + 1] = field
					hash[#hash + 1] = value
				end
				page[#page + 1] = {hash, tostring(call('SCARD', P .. 'ah:' .. id))}
			end
		end
	end
end
return {tostring(count), more, page}
