-- Every script begins with this.
--
-- KEYS[1]  the partition's meta hash, PREFIX .. 'meta'. Every other key is made
--          from PREFIX, whose hash tag keeps them all in one slot.
-- ARGV[1]  microseconds that the store's clock is ahead of Redis' (0 but in tests), a
--          space, and the identity that the caller knows the partition by
--
-- Answers the error NODATASET where the meta hash is missing, or is another data
-- set's: it may have been begun anew behind the caller's back.
--
-- A mission's times are microseconds since the Unix epoch; Lua's numbers hold them
-- exactly, but write them with an exponent, hence int. What goes to Redis is a text, as
-- Redis is slow to write numbers that Lua hands it.
local call, concat, format = redis.call, table.concat, string.format

local P = string.sub(KEYS[1], 1, -5)

local ahead, known = string.match(ARGV[1], '^(%S+) (.*)$')
local meta = call('HMGET', KEYS[1], 'identity', 'partition', 'partitions', 'state')
if meta[1] ~= known then return redis.error_reply('NODATASET the data set is not in this Redis') end

-- The registry of agents, their events and their counters are partition 0's.
local partition, partitions = meta[2] + 0, meta[3] + 0
local home = partition == 0

-- state is what nearly every script changes, in one field: what only ever grows, which
-- is the newest mission's seq, the fencing token given last, the outbox position given
-- last and the position up to which the outbox is empty; then acked, up to which the
-- stream has the events, which may go back; and totals, of missions by status, agents
-- and their slots, runs that were completed and their time (µs).
local STATE = '<i8i8i8i8i8i8i8i8i8i8i8i8i8i8'
local totals = {}
local seq, lease, pos, gone, acked
seq, lease, pos, gone, acked, totals['0'], totals['1'], totals['2'], totals['3'], totals['4'],
	totals.agents, totals.slots, totals.runs, totals.runtime = struct.unpack(STATE, meta[4])
acked = math.max(gone, acked)

local function write_state()
	call('HSET', KEYS[1], 'state', struct.pack(STATE, seq, lease, pos, gone, acked, totals['0'], totals['1'], totals['2'],
		totals['3'], totals['4'], totals.agents, totals.slots, totals.runs, totals.runtime))
end

local clock = call('TIME')
local now = clock[1] * 1000000 + clock[2] + ahead

local function int(x) return format('%d', x) end

-- DIGIT writes a small number.
local DIGIT = {[0] = '0', '1', '2', '3', '4'}

local function split(list)
	local items = {}
	for item in string.gmatch(list, '[^,]+') do items[#items + 1] = item end
	return items
end
