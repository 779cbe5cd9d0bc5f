-- Answers missions, false for one that there is not: of the first ids, as many as fit into some
-- bytes, and at least one.
--
-- ARGV[1]  the bytes   ARGV[2…] ids
local found, left = {}, ARGV[1] + 0
for i = 2, #ARGV do
	if left <= 0 then break end
	local m = fetch(ARGV[i])
	found[i - 1] = m
	if m then left = left - #m[2] - #m[4] - #m[5] end
end
return found
