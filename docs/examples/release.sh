#!/bin/sh
# Deploys what its mission waited for, if the answer was yes.
set -eu
if grep -q '"data":"yes"' "$MISSION_SIGNALS"; then
	echo '"deployed"'
else
	echo '"left as it is"'
fi
