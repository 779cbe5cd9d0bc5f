-- Runs commands.
local call = redis.call

-- forget deletes the points of slots before one.
local function forget(slots, points, before)
	for _, slot in ipairs(call('ZRANGE', slots, '-inf', '(' .. before, 'BYSCORE')) do
		call('DEL', points .. slot)
		call('ZREM', slots, slot)
	end
end

-- count adds to counters, of which none is 0.
local function count(key, field, by)
	if call('HINCRBY', key, field, by) == 0 then call('HDEL', key, field) end
end

-- perform runs the commands in ARGV from i on, each behind the number of its words. Three are our
-- own: SETS takes keys with values; FORGET takes the key of a series' slots, the beginning of the
-- keys of its points, and the slot before which points are deleted; COUNT takes the key of
-- counters, and fields with what is added to them.
local function perform(i)
	while ARGV[i] do
		local first, last = i + 1, i + ARGV[i]
		local name = ARGV[first]
		if name == 'SETS' then
			for at = first + 1, last, 2 do call('SET', ARGV[at], ARGV[at + 1]) end
		elseif name == 'FORGET' then
			forget(ARGV[first + 1], ARGV[first + 2], ARGV[first + 3])
		elseif name == 'COUNT' then
			for at = first + 2, last, 2 do count(ARGV[first + 1], ARGV[at], ARGV[at + 1]) end
		else
			call(unpack(ARGV, first, last))
		end
		i = last + 1
	end
end
