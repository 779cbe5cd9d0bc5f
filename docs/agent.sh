#!/usr/bin/env bash
# A complete agent that needs only the nats CLI and jq. It converts data.text to upper case.
# If there is data.ask, it first asks a person that, and waits for the signal answer.
#   docs/agent.sh [ID]          (NATS_URL is the broker's URL)
set -u
id=${1:-shell-$$}
dir=$(mktemp -d)

# ask VERB [TIMEOUT] sends its standard input. It ends its shell: call it with ( ), $( ) or &.
ask() { exec nats req --raw --timeout "${2:-5s}" --inbox-prefix "_INBOX.$id" "supervisor.agent.$id.$1" 2>/dev/null; }

register() { ask register <<<'{"name":"upper-case in shell","types":["upper"],"capacity":1}'; }

# The work: reads a mission, and prints what to say of it. With "error", the mission fails. With
# "after", it is parked: somebody claims it again, with the checkpoint, once the signal is there.
# Usage counts what this turn has used.
work() {
	exec jq -ce '(.checkpoint.text // (.data.text | strings | ascii_upcase)) as $text
		| ([.signals[]? | select(.name == "answer")][-1].data) as $answer
		| if .data.ask == null or $answer == "yes" then {result: $text, usage: {letters: ($text | length)}}
		elif $answer == "no" then {result: null}
		else {checkpoint: {text: $text}, usage: {questions: 1}, after_timeout_seconds: 86400,
			after: [{signal: "answer", prompt: .data.ask, choices: ["yes", "no"]}]} end'
}

# Send a heartbeat with the running mission. Register again if the supervisor no longer knows
# this agent. Stop a mission that was cancelled or that another agent has, also because
# nothing was answered for as long as a lease lasts. Read the signals to a running mission,
# and have the next heartbeat say that they were seen.
beat() {
	local lease draining=false sent reply
	lease=$(cat "$dir/lease")
	[ ! -e "$dir/draining" ] || draining=true
	sent=$(date +%s)
	reply=$(ask heartbeat "${half}s" <<<"{\"running\":[$lease],\"draining\":$draining}")
	[[ $reply != *'"code":"not_found"'* ]] || (register)
	if [[ $reply == *'"lost":'* ]]; then
		echo "$sent" >"$dir/answered"
		jq -e --argjson l "${lease:-null}" '.cancel + .lost | index($l.mission_id // "")' <<<"$reply" && drop
	elif [ $(($(date +%s) - $(cat "$dir/answered"))) -ge "${whole%.*}" ]; then drop
	fi
	[[ $reply != *'"signals":['* ]] || read_signals
} >/dev/null 2>&1

drop() { [ -n "$lease" ] && [ "$lease" = "$(cat "$dir/lease")" ] && rm "$dir/lease" && kill "$(cat "$dir/pid")"; }

read_signals() {
	new=$(jq -c '{mission_id, lease, after: .seen}' <<<"$lease" | ask signals | jq -ce '.signals | select(length > 0)') || return
	jq -r '.[] | "signal \(.name): \(.data)"' <<<"$new" >&3
	[ "$lease" = "$(cat "$dir/lease")" ] && jq -c --argjson n "$new" '.seen = $n[-1].seq' <<<"$lease" >"$dir/seen" && mv "$dir/seen" "$dir/lease"
}

# report VERB sends its standard input until there is an answer, or the mission is lost.
report() {
	local body answer
	body=$(cat)
	while [ -e "$dir/lease" ]; do
		answer=$(ask "$1" <<<"$body" | jq -c 'select(.error.code | IN("unavailable", "timeout", "overloaded", "internal") | not)')
		[ -z "$answer" ] || { echo "$answer"; return; }
		sleep 0.2
	done
}

# await PID returns a process's exit code, also if a signal arrives meanwhile.
await() {
	local code
	while wait "$1"; code=$?; [ $code -gt 128 ] && kill -0 "$1" 2>/dev/null; do :; done
	return $code
}

read -r every half whole <<<"$(jq -r '"\(.heartbeat_seconds) \(.lease_seconds / 2) \(.lease_seconds)"' <<<"$(register)" 2>/dev/null)"
[ -n "$every" ] || { echo "no supervisor takes us in" >&2; exit 1; }
exec 3>&1
date +%s >"$dir/answered"
while sleep "$every"; do beat; done &
trap 'kill $(jobs -p) 2>/dev/null; (ask leave <<<"{}") >/dev/null; rm -rf "$dir"' EXIT
trap 'touch "$dir/draining"; beat' INT TERM # ends the claim; what is claimed is finished
echo "agent $id is waiting for missions of type upper"

until [ -e "$dir/draining" ]; do
	ask claim 15s <<<'{"max":1,"wait_seconds":10}' >"$dir/reply" & await $!
	mission=$(jq -c '.missions[0] // empty' "$dir/reply" 2>/dev/null)
	if [ -z "$mission" ]; then
		[ -e "$dir/draining" ] || ! grep -q '"code":"\(conflict\|not_found\)"' "$dir/reply" || (register) >/dev/null
		grep -q '"missions":' "$dir/reply" || { sleep 1 & wait $!; }
		continue
	fi
	# What the mission carries counts as seen once a heartbeat says so.
	date +%s >"$dir/answered"
	lease=$(jq -c '{mission_id: .id, lease, seen: (.signals[-1]?.seq // 0)}' <<<"$mission" | tee "$dir/lease")
	name=$(jq -r .name <<<"$mission")
	[[ $lease == *'"seen":0}' ]] || (ask heartbeat <<<"{\"running\":[$lease]}") >/dev/null
	work <<<"$mission" >"$dir/report" 2>/dev/null & echo $! >"$dir/pid"
	await $! || echo '{"error":"data.text is not a string","retryable":false}' >"$dir/report"
	[ -e "$dir/lease" ] || { echo "dropped $name"; continue; }
	verb=$(jq -r 'if has("error") then "fail" elif has("after") then "release" else "complete" end' "$dir/report")
	reply=$(jq -c --argjson l "$lease" '$l + . | del(.seen)' "$dir/report" | report "$verb")
	rm -f "$dir/lease"
	echo "$(jq -r '.mission.status // .error.message' <<<"$reply" 2>/dev/null || echo "no answer for") $name"
done
