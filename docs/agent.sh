#!/usr/bin/env bash
# A complete agent made of the nats CLI and jq: it upper-cases data.text.
#   docs/agent.sh [ID]          (NATS_URL says where the broker is)
set -euo pipefail
id=${1:-shell-$$}
dir=$(mktemp -d)
echo '[]' >"$dir/running"

ask() { nats req --raw --timeout 65s "supervisor.agent.$id.$1" "$2"; }

register() { ask register '{"name":"upper-case in shell","types":["upper"],"capacity":1}'; }

# Beat in the background, listing what is at work; register again when forgotten.
beat() {
	while sleep "$1"; do
		ask heartbeat "{\"running\":$(cat "$dir/running")}" | grep -q '"not_found"' && register >/dev/null
	done
}

every=$(register | jq .heartbeat_seconds)
beat "$every" &
trap 'kill $!; ask leave "" >/dev/null; rm -rf "$dir"' EXIT
trap 'exit 0' INT TERM
echo "agent $id is waiting for missions of type upper"

while true; do
	reply=$(ask claim '{"max":1,"wait_seconds":20}') && ! jq -e '.error // empty' <<<"$reply" >&2 || { sleep 1; continue; }
	mission=$(jq -c '.missions[0] // empty' <<<"$reply")
	[ -n "$mission" ] || continue
	lease=$(jq -c '{mission_id: .id, lease}' <<<"$mission")
	echo "[$lease]" >"$dir/running"
	result=$(jq -c '.data.text | ascii_upcase' <<<"$mission") &&
		ask complete "$(jq -c --argjson result "$result" '. + {result: $result}' <<<"$lease")" >/dev/null ||
		ask fail "$(jq -c '. + {error: "data.text is not a string", retryable: false}' <<<"$lease")" >/dev/null
	echo '[]' >"$dir/running"
	echo "did $(jq -r .name <<<"$mission")"
done
