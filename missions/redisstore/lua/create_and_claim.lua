-- uses: tally record create mission agent claim
-- Creates missions and then gives agents claimable ones.
--
-- KEYS[1]  the partition's meta hash
-- ARGV[2]  how many events the outbox may hold   ARGV[3]  how many missions there are
-- ARGV[4…] each of those as in create.lua, and behind them each request as in claim.lua
--
-- Answers {what create.lua answers, what claim.lua answers}.
local requests = 4 + 10 * ARGV[3]
local created, claimed = create_all(4, requests - 1, true), {}
for at = requests, #ARGV, 6 do claimed[#claimed + 1] = claim(at) end
store_coming()
commit()
return {created, claimed}
