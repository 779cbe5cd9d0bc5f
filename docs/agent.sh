#!/usr/bin/env bash
# A complete agent that needs only the nats CLI and jq. It converts data.text to upper case.
#   docs/agent.sh [ID]          (NATS_URL is the broker's URL)
set -u
id=${1:-shell-$$}
dir=$(mktemp -d)

# ask VERB sends its standard input. It ends its shell: call it with ( ), $( ) or &.
ask() { exec nats req --raw --timeout 65s --inbox-prefix "_INBOX.$id" "supervisor.agent.$id.$1" 2>/dev/null; }

register() { ask register <<<'{"name":"upper-case in shell","types":["upper"],"capacity":1}'; }

# The work: reads a mission, and prints its result or exits with an error.
work() { exec jq -ce '.data.text | strings | ascii_upcase'; }

# Send heartbeats with the running missions. Register again if the supervisor no longer
# knows this agent. Stop missions that were cancelled or that other agents have.
beat() {
	while sleep "$every"; do
		lease=$(cat "$dir/lease" 2>/dev/null)
		reply=$(ask heartbeat <<<"{\"running\":[$lease]}")
		[[ $reply != *'"code":"not_found"'* ]] || (register)
		jq -e --argjson l "${lease:-null}" '.cancel + .lost | index($l.mission_id // "")' <<<"$reply" &&
			[ "$lease" = "$(cat "$dir/lease")" ] && rm "$dir/lease" && kill "$(cat "$dir/pid")"
	done >/dev/null 2>&1
}

every=$(jq -e .heartbeat_seconds <<<"$(register)" 2>/dev/null) || { echo "no supervisor takes us in" >&2; exit 1; }
beat &
trap 'kill $(jobs -p) 2>/dev/null; (ask leave <<<"{}") >/dev/null; rm -rf "$dir"' EXIT
trap 'exit 0' INT TERM
echo "agent $id is waiting for missions of type upper"

while true; do
	ask claim <<<'{"max":1,"wait_seconds":20}' >"$dir/reply" & wait $!
	mission=$(jq -ce '.missions[0] // empty' "$dir/reply" 2>/dev/null) ||
		{ grep -q '"missions":' "$dir/reply" || { sleep 1 & wait $!; }; continue; }
	name=$(jq -r .name <<<"$mission")
	lease=$(jq -c '{mission_id: .id, lease}' <<<"$mission" | tee "$dir/lease")
	work <<<"$mission" >"$dir/result" 2>/dev/null & echo $! >"$dir/pid"; wait $!
	if [ $? = 0 ]; then verb=complete; else verb=fail; echo '"data.text is not a string"' >"$dir/result"; fi
	[ -e "$dir/lease" ] || { echo "dropped $name"; continue; }
	reply=$(jq -c --argjson l "$lease" --arg v $verb '$l + if $v == "fail" then {error: ., retryable: false} else {result: .} end' "$dir/result" | ask $verb)
	rm -f "$dir/lease"
	echo "$(jq -r '.mission.status // .error.message' <<<"$reply" 2>/dev/null || echo "no answer for") $name"
done
