-- Answers documents, '' for one that there is not.
--
-- ARGV  keys
local docs, found = string.sub(KEYS[1], 1, -5) .. 'docs', {}
for i, key in ipairs(ARGV) do found[i] = redis.call('HGET', docs, key) or '' end
return found
