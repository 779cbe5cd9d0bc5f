-- How long a failed mission waits: missions.RetryPolicy, which see.
--
-- ARGV[2…5] base and max (µs), jitter, and a seed for the chance, since Redis seeds
--           every script alike
math.randomseed(ARGV[5])

local function back_off(m)
	local base, max, jitter = ARGV[2] + 0, ARGV[3] + 0, ARGV[4] + 0
	local wait = math.min(base * 2 ^ math.min(math.max(m.a - 1, 0), 62), max)
	return math.min(max, math.floor(wait * (1 + jitter * (2 * math.random() - 1))))
end
