#!/bin/sh
# A program for `supervisor agent run` that builds a target part by part, asks a person
# whether to deploy it, and waits for the answer without running. It needs jq.
#
#   supervisor agent run --type deploy -- docs/examples/deploy.sh
#   supervisor missions create "deploy shop" --type deploy --data '{"target":"shop","parts":4}'
#
# The mission's data is {"target":NAME, "parts":COUNT}. The signal approved, "yes" or "no",
# answers the question. The signal channel, a string, says where to deploy, also meanwhile.
set -eu

# report says something to the supervisor.
report() { echo "$*" >>"$MISSION_REPORT"; }

# latest prints the data of the latest signal of a name, if there is one.
latest() { jq -rn --arg name "$1" '[inputs | select(.name == $name)][-1].data // empty' "$MISSION_SIGNALS"; }

# kept prints what the checkpoint says of a field, or a default.
kept() { if [ -s "$MISSION_CHECKPOINT" ]; then jq -r --arg f "$1" --arg d "$2" '.[$f] // $d' "$MISSION_CHECKPOINT"; else echo "$2"; fi; }

# keep stores where we are. What is not stored is done again after a failure.
keep() { report checkpoint "$(jq -cn --argjson b "$built" --arg a "$answer" --arg c "$channel" '{built: $b, approved: $a, channel: $c}')"; }

data=$(cat)
target=$(jq -nr --argjson d "$data" '$d.target')
parts=$(jq -nr --argjson d "$data" '$d.parts // 4')

built=$(kept built 0) answer=$(kept approved '') channel=$(kept channel stable)
[ "$built" = 0 ] || echo "turn $MISSION_TURN: $built of $parts parts are built" >&2

while [ "$built" -lt "$parts" ]; do
	sleep 0.1 # the work
	built=$((built + 1))
	channel=$(latest channel | grep . || echo "$channel") # somebody may have steered us
	report progress $((100 * built / parts)) "built part $built of $parts for $channel"
	report usage usd=0.01 parts=1 # since the last such line
	keep
done

new=$(latest approved)
[ -z "$new" ] || { answer=$new; keep; } # whoever runs us next need not ask again
case $answer in
'')
	[ -z "${MISSION_TIMED_OUT-}" ] || { echo "nobody has answered" >&2; exit 1; }
	report park "$(jq -cn --arg t "$target" --arg c "$channel" \
		'{after: [{signal: "approved", prompt: "Deploy \($t) to \($c)?", choices: ["yes", "no"]}], after_timeout_seconds: 86400}')"
	;; # exit code 0 parks the mission
yes) jq -cn --arg t "$target" --arg c "$channel" '{deployed: $t, channel: $c}' ;;
*) echo '{"deployed":null}' ;;
esac
