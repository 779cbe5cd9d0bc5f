-- Runs commands of a migration, all or none, unless another migration has begun since.
--
-- KEYS[1]  the partition's meta hash
-- ARGV[1]  the name of the migration   ARGV[2…] commands, each behind the number of its words
local is = redis.call('HMGET', KEYS[1], 'schema', 'migrator')
if is[1] ~= '3' or is[2] ~= ARGV[1] then return redis.error_reply('NOTMIGRATOR another migration has begun') end

local function each(run)
	local i = 2
	while ARGV[i] do
		local last = i + ARGV[i]
		run(i + 1, last)
		i = last + 1
	end
end

-- A command that is denied halfway would not undo those before it.
local denied
each(function(first, last)
	if not redis.acl_check_cmd(unpack(ARGV, first, last)) then denied = ARGV[first] end
end)
if denied then return redis.error_reply("NOPERM this user has no permissions to run the '" .. denied .. "' command") end
each(function(first, last) redis.call(unpack(ARGV, first, last)) end)
return 'ok'
