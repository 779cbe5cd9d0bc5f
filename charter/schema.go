package charter

import "embed"

//go:embed schema/*.json
var schemas embed.FS

// Schema returns the JSON Schema (draft 2020-12) of a whole event of that type or,
// for "envelope", of any event. The caller owns the bytes.
func Schema(eventType string) ([]byte, bool) {
	b, err := schemas.ReadFile("schema/" + eventType + ".json")
	return b, err == nil
}
