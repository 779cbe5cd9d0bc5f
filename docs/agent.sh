#!/usr/bin/env bash
# A complete agent that needs only the nats CLI and jq. It converts data.text to upper case.
# If there is data.ask, it first asks a person that, and waits for the signal answer.
#   docs/agent.sh [ID]          (NATS_URL is the broker's URL)
set -u
id=${1:-shell-$$}
dir=$(mktemp -d)

# ask VERB sends its standard input. It ends its shell: call it with ( ), $( ) or &.
ask() { exec nats req --raw --timeout 65s --inbox-prefix "_INBOX.$id" "supervisor.agent.$id.$1" 2>/dev/null; }

register() { ask register <<<'{"name":"upper-case in shell","types":["upper"],"capacity":1}'; }

# The work: reads a mission, and prints what to say of it, or exits with an error. With
# "after", the mission is parked: somebody claims it again, with the checkpoint, once the
# signal is there. Usage counts what this turn has used.
work() {
	exec jq -ce '(.checkpoint.text // (.data.text | strings | ascii_upcase)) as $text
		| ([.signals[]? | select(.name == "answer")][-1].data) as $answer
		| if .data.ask == null or $answer == "yes" then {result: $text, usage: {letters: ($text | length)}}
		elif $answer == "no" then {result: null}
		else {checkpoint: {text: $text}, usage: {questions: 1}, after_timeout_seconds: 86400,
			after: [{signal: "answer", prompt: .data.ask, choices: ["yes", "no"]}]} end'
}

# Send heartbeats with the running missions. Register again if the supervisor no longer
# knows this agent. Stop missions that were cancelled or that other agents have. Read the
# signals to a running mission, and have the next heartbeat say that they were seen.
beat() {
	while sleep "$every"; do
		lease=$(cat "$dir/lease" 2>/dev/null)
		reply=$(ask heartbeat <<<"{\"running\":[$lease]}")
		[[ $reply != *'"code":"not_found"'* ]] || (register)
		jq -e --argjson l "${lease:-null}" '.cancel + .lost | index($l.mission_id // "")' <<<"$reply" &&
			[ "$lease" = "$(cat "$dir/lease")" ] && rm "$dir/lease" && kill "$(cat "$dir/pid")"
		[[ $reply != *'"signals":['* ]] || read_signals
	done >/dev/null 2>&1
}

read_signals() {
	new=$(jq -c '{mission_id, lease, after: .seen}' <<<"$lease" | ask signals | jq -ce '.signals | select(length > 0)') || return
	jq -r '.[] | "signal \(.name): \(.data)"' <<<"$new" >&3
	[ "$lease" = "$(cat "$dir/lease")" ] && jq -c --argjson n "$new" '.seen = $n[-1].seq' <<<"$lease" >"$dir/seen" && mv "$dir/seen" "$dir/lease"
}

every=$(jq '.heartbeat_seconds // empty' <<<"$(register)" 2>/dev/null)
[ -n "$every" ] || { echo "no supervisor takes us in" >&2; exit 1; }
exec 3>&1
beat &
trap 'kill $(jobs -p) 2>/dev/null; (ask leave <<<"{}") >/dev/null; rm -rf "$dir"' EXIT
trap 'exit 0' INT TERM
echo "agent $id is waiting for missions of type upper"

while true; do
	ask claim <<<'{"max":1,"wait_seconds":20}' >"$dir/reply" & wait $!
	mission=$(jq -ce '.missions[0] // empty' "$dir/reply" 2>/dev/null) ||
		{ grep -q '"missions":' "$dir/reply" || { sleep 1 & wait $!; }; continue; }
	# What the mission carries counts as seen once a heartbeat says so.
	lease=$(jq -c '{mission_id: .id, lease, seen: (.signals[-1]?.seq // 0)}' <<<"$mission" | tee "$dir/lease")
	name=$(jq -r .name <<<"$mission")
	[[ $lease == *'"seen":0}' ]] || (ask heartbeat <<<"{\"running\":[$lease]}") >/dev/null
	work <<<"$mission" >"$dir/report" 2>/dev/null & echo $! >"$dir/pid"; wait $!
	if [ $? != 0 ]; then verb=fail; echo '{"error":"data.text is not a string","retryable":false}' >"$dir/report"
	elif grep -q '"after":' "$dir/report"; then verb=release
	else verb=complete; fi
	[ -e "$dir/lease" ] || { echo "dropped $name"; continue; }
	reply=$(jq -c --argjson l "$lease" '$l + . | del(.seen)' "$dir/report" | ask $verb)
	rm -f "$dir/lease"
	echo "$(jq -r '.mission.status // .error.message' <<<"$reply" 2>/dev/null || echo "no answer for") $name"
done
