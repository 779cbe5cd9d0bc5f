-- Answers missions, false for one that there is not.
--
-- ARGV[1…] ids
local found = {}
for i, id in ipairs(ARGV) do found[i] = fetch(id) end
return found
