package enginetest

import (
	"encoding/json"
	"slices"
	"strings"
)

// Shrink returns a history without the actions that it does not need to fail.
func Shrink(actions []Action, fails func([]Action) bool) []Action {
	for size := len(actions) / 2; size > 0; size /= 2 {
		for at := 0; at+size <= len(actions); {
			without := slices.Concat(actions[:at], actions[at+size:])
			if fails(without) {
				actions = without
			} else {
				at += size
			}
		}
	}
	return actions
}

// Describe returns a history as text, one action to a line.
func Describe(actions []Action) string {
	var text strings.Builder
	for _, action := range actions {
		line, _ := json.Marshal(action) // texts and numbers always marshal
		text.Write(line)
		text.WriteByte('\n')
	}
	return text.String()
}
