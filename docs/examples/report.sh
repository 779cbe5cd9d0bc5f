#!/bin/sh
# Writes a report in four parts, each of which costs 0.60 usd. The first turn is slow, so
# that there is time to be stopped.
set -eu
done=0
if [ -s "$MISSION_CHECKPOINT" ]; then done=$(cat "$MISSION_CHECKPOINT"); fi
while [ "$done" -lt 4 ]; do
	done=$((done + 1))
	echo "checkpoint $done" >>"$MISSION_REPORT"
	echo "usage usd=0.60" >>"$MISSION_REPORT"
	echo "part $done is written" >&2
	if [ "$MISSION_TURN" = 1 ] && [ "$done" -gt 1 ]; then sleep 600; fi
done
echo '"four parts"'
