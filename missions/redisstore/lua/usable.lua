-- Tries everything that the scripts do with Redis, and changes nothing that lasts.
--
-- KEYS[1]  the partition's meta hash, which need not exist
-- ARGV[1…] how keys are read, each time with a key or what keys begin with
--
-- Answers, in pairs, what is not possible: 'command' and a command that the user may not
-- run, 'unknown' and one that Redis does not know, 'key' and a key that the user may not
-- read and write, 'foreign' and a key that holds what another program has put there.
local P = string.sub(KEYS[1], 1, -5)

-- This key is a text while the script runs, so that the commands of other types are
-- looked at by Redis and then refused for the type.
local SCRATCH = P .. 'usable'

local answer = {}

local function note(what, name)
	answer[#answer + 1], answer[#answer + 2] = what, name
end

-- outcome says what came of a command, nil where Redis ran it or refused its arguments.
local function outcome(...)
	local reply = redis.pcall(...)
	local err = type(reply) == 'table' and reply.err or ''
	if string.find(err, 'Unknown Redis command', 1, true) then return 'unknown' end
	-- Redis 7.0 and 7.2 in these words, later ones and Valkey in those.
	if string.find(err, "can't run this command", 1, true) or string.find(err, 'no permissions to run', 1, true) then return 'command' end
	if string.find(err, "can't access at least one of the keys", 1, true) or string.find(err, 'no permissions to access', 1, true) then return 'key' end
	if string.find(err, 'WRONGTYPE', 1, true) then return 'foreign' end
	return nil
end

-- DEL comes last: it removes the key.
local COMMANDS = {
	{'SET', '', 'EX', 60}, {'EXISTS'}, {'GET'}, {'STRLEN'},
	{'HDEL', ''}, {'HGET', ''}, {'HGETALL'}, {'HINCRBY', '', 1}, {'HKEYS'}, {'HMGET', ''}, {'HSET', '', ''}, {'LLEN'}, {'LRANGE', 0, 0}, {'RPUSH', ''},
	{'XADD', '*', 'a', 'a'}, {'XDEL', '0-1'}, {'XRANGE', '-', '+', 'COUNT', 1}, {'XTRIM', 'MAXLEN', 0},
	{'ZADD', 0, ''}, {'ZCARD'}, {'ZRANGE', 0, 0}, {'ZREM', ''}, {'DEL'},
}
if outcome('TIME') == 'command' then note('command', 'TIME') end
local keys = true
for _, command in ipairs(COMMANDS) do
	local name = command[1]
	local what = outcome(name, SCRATCH, unpack(command, 2))
	if what == 'command' or what == 'unknown' then note(what, name) end
	if what == 'key' and keys then
		keys = false
		note('key', SCRATCH)
	end
end

-- How the keys are read.
local READS = {HGET = {''}, LRANGE = {0, 0}, STRLEN = {}, XRANGE = {'-', '+', 'COUNT', 1}, ZRANGE = {0, 0}}
for i = 1, #ARGV, 2 do
	local command, name = ARGV[i], ARGV[i + 1]
	local what = outcome(command, P .. name, unpack(READS[command]))
	if what ~= 'foreign' and outcome('ZREM', P .. name, '') == 'key' then what = 'key' end
	if what == 'foreign' or what == 'key' and keys then note(what, P .. name) end
end
return answer
