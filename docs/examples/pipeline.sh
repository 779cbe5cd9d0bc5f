#!/bin/sh
# A step of a pipeline: adds its name to what the step before has made.
set -eu
before=$(sed -n 's/.*"result":"\([^"]*\)".*/\1 → /p' "$MISSION_INPUTS")
echo "\"$before$MISSION_NAME\""
