#!/usr/bin/env bash
# A complete agent made of the nats CLI and jq: it upper-cases data.text.
#   docs/agent.sh [ID]          (NATS_URL says where the broker is)
set -u
id=${1:-shell-$$}
dir=$(mktemp -d)

# ask VERB sends its input. It ends the shell it runs in: call it with ( ), $( ) or &.
ask() { exec nats req --raw --timeout 65s --inbox-prefix "_INBOX.$id" "supervisor.agent.$id.$1" 2>/dev/null; }

register() { ask register <<<'{"name":"upper-case in shell","types":["upper"],"capacity":1}'; }

# The work: a mission on the input, its result on the output, or an exit code.
work() { exec jq -ce '.data.text | strings | ascii_upcase'; }

# Beat with what is at work. Register again when forgotten; stop work that was
# cancelled, or that is somebody else's by now.
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
