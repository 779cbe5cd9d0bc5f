#!/bin/sh
# Writes until it is told to stop, and does what it is told meanwhile.
set -eu
read=0
while :; do
	told=$(wc -l <"$MISSION_SIGNALS")
	while [ "$read" -lt "$told" ]; do
		read=$((read + 1))
		word=$(sed -n "${read}s/.*\"data\":\"\([^\"]*\)\".*/\1/p" "$MISSION_SIGNALS")
		echo "told: $word" >&2
		if [ "$word" = stop ]; then
			echo "\"stopped after $read messages\""
			exit
		fi
	done
	sleep 0.1
done
