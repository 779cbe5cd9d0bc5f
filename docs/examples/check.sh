#!/bin/sh
# A program for `supervisor agent run` that does what the conformance kit asks for. It needs jq.
#
#   supervisor agent run --type check --concurrency 2 -- docs/examples/check.sh
#
# The mission's data is {"work_seconds":0.5, "result":7}, or {"fail":"why", "permanent":true}.
set -eu

data=$(cat)
ask() { jq -nrc --argjson d "$data" "\$d | $1"; }

sleep "$(ask '.work_seconds // 0')" # SIGTERM ends this, too
if [ "$(ask 'has("fail")')" = true ]; then
	ask .fail >&2
	[ "$(ask '.permanent // false')" = false ] || exit 65
	exit 1
fi
jq -nc --argjson d "$data" '$d.result'
