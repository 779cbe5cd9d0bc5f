-- uses: tally
-- Stores how alerts stand.
--
-- KEYS[1]  the meta hash of partition 0
-- ARGV[2]  how many notices to keep
-- ARGV[3…] for each alert: rule, the revision that was read (0 for none), '' to delete
--          it or else its state, metric, threshold, since, raised_at, cleared_at,
--          checked_at; the kind of the event that tells of the change ('' for none), '1'
--          for a notice of that, the metric's value ('' for none)
--
-- Answers for each 'ok' or 'conflict'.
--
--   alerts   by rule, with spaces: state, metric, threshold, since, raised_at,
--            cleared_at, checked_at, revision; 0 for no time
--   notices  a stream, each entry an event, with its position in the outbox as its id
local function change(at)
	local rule = ARGV[at]
	local was = call('HGET', P .. 'alerts', rule)
	local revision = was and string.match(was, '%d+$') or '0'
	if revision ~= ARGV[at + 1] then return 'conflict' end
	if ARGV[at + 2] == '' then
		call('HDEL', P .. 'alerts', rule)
	else
		local stands = {unpack(ARGV, at + 2, at + 8)}
		stands[#stands + 1] = int(call('HINCRBY', KEYS[1], 'revision', 1))
		call('HSET', P .. 'alerts', rule, concat(stands, ' '))
	end
	local kind = ARGV[at + 9]
	if kind == '' then return 'ok' end
	local event = emit(kind, ARGV[at + 8], rule, ARGV[at + 3], ARGV[at + 11], ARGV[at + 4], ARGV[at + 5])
	if ARGV[at + 10] == '1' then
		call('XADD', P .. 'notices', 'MAXLEN', ARGV[2], int(pos) .. '-0', 'e', event)
	end
	return 'ok'
end

local answers = {}
for at = 3, #ARGV, 12 do answers[#answers + 1] = change(at) end
commit()
return answers
