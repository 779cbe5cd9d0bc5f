-- Runs commands.
local call = redis.call

-- forget deletes the points of slots before one.
local function forget(slots, points, before)
	for _, slot in ipairs(call('ZRANGE', slots, '-inf', '(' .. before, 'BYSCORE')) do
		call('DEL', points .. slot)
		call('ZREM', slots, slot)
	end
end

-- count writes how many missions of a partition have a status and type, STATUS:TYPE; none is 0.
local function count(prefix, field)
	local n = call('ZCARD', prefix .. 'i:' .. field)
	local kind = string.match(field, '^PENDING:(.*)$')
	if kind then
		for rank = 0, 3 do n = n + call('ZCARD', prefix .. 'q:' .. rank .. ':' .. kind) end
	end
	if n == 0 then call('HDEL', prefix .. 'counts', field) else call('HSET', prefix .. 'counts', field, n) end
end

-- append appends lines to a list, of which the first becomes the n-th. Those that are there stay:
-- an entry of the journal may be applied twice, if it was broken off halfway.
local function append(key, n, first, last)
	for at = first + math.max(0, call('LLEN', key) - n + 1), last do call('RPUSH', key, ARGV[at]) end
end

-- perform runs the commands in ARGV from i on, each behind the number of its words. Four are our
-- own: SETS takes keys with values; FORGET takes the key of a series' slots, the beginning of the
-- keys of its points, and the slot before which points are deleted; COUNT takes what
-- the partition's keys begin with, and the fields of counts that are written anew; LOG takes a list,
-- the place that the first of some lines has in it, and the lines.
local function perform(i)
	while ARGV[i] do
		local first, last = i + 1, i + ARGV[i]
		local name = ARGV[first]
		if name == 'SETS' then
			for at = first + 1, last, 2 do call('SET', ARGV[at], ARGV[at + 1]) end
		elseif name == 'FORGET' then
			forget(ARGV[first + 1], ARGV[first + 2], ARGV[first + 3])
		elseif name == 'COUNT' then
			for at = first + 2, last do count(ARGV[first + 1], ARGV[at]) end
		elseif name == 'LOG' then
			append(ARGV[first + 1], ARGV[first + 2] + 0, first + 3, last)
		else
			call(unpack(ARGV, first, last))
		end
		i = last + 1
	end
end
