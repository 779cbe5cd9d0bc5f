#!/bin/sh
# Works in four steps and keeps how many are done, so that whoever gets the mission next goes on
# behind them. The first attempt hangs in the third step.
set -eu
done=0
if [ -s "$MISSION_CHECKPOINT" ]; then done=$(cat "$MISSION_CHECKPOINT"); fi

for step in 1 2 3 4; do
	[ "$step" -gt "$done" ] || continue
	if [ "$step" = 3 ] && [ "$MISSION_TURN" = 1 ]; then sleep 600; fi
	echo "usage usd=0.25" >>"$MISSION_REPORT"
	echo "checkpoint $step" >>"$MISSION_REPORT"
	echo "step $step of 4 is done" >&2
done
echo '"all tests pass"'
