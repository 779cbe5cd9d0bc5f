package worker

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"missioncontrol/cmd/supervisor/ui"
	"missioncontrol/missions"
	"missioncontrol/supervisor/agent"
)

// resultReader keeps a program's output, up to a limit.
type resultReader struct {
	limit   int
	bytes   []byte
	tooMuch chan struct{} // closed when the limit is exceeded
}

func newResultReader(limit int) *resultReader {
	return &resultReader{limit: limit, tooMuch: make(chan struct{})}
}

// read reads to the end. Beyond the limit it discards the data but keeps reading, so that
// the program does not block while it is being stopped.
func (r *resultReader) read(from io.Reader) {
	var kept bytes.Buffer
	_, _ = io.CopyN(&kept, from, int64(r.limit)+1) // an error is the end, too
	if kept.Len() > r.limit {
		close(r.tooMuch)
		_, _ = io.Copy(io.Discard, from)
		return
	}
	r.bytes = kept.Bytes()
}

func (r *resultReader) full() bool {
	select {
	case <-r.tooMuch:
		return true
	default:
		return false
	}
}

// result turns a program's output into a mission's result: JSON as it is, other text as a
// string, no output as null. It remarks on output that is JSON but for a detail, and on
// bytes that cannot be kept.
func result(output []byte, remark func(string)) (json.RawMessage, error) {
	text := strings.TrimRight(string(output), "\r\n")
	if strings.TrimSpace(text) == "" {
		return nil, nil
	}
	if value := jsontext.Value(text); utf8.ValidString(text) && value.IsValid() {
		return json.RawMessage(value), nil
	}
	if why := whyNotJSON(text); why != "" {
		remark("the standard output begins like JSON, but is not valid JSON, so the result is a string: " + why)
	}
	if !utf8.ValidString(text) {
		remark("the standard output has bytes that are not UTF-8; in the result, each run of them is the replacement character U+FFFD")
	}
	quoted, err := jsontext.AppendQuote(nil, strings.ToValidUTF8(text, "�"))
	if err != nil {
		return nil, agent.Permanent(fmt.Errorf("cannot encode the command's output as JSON: %w", err))
	}
	if len(quoted) > missions.MaxDataBytes {
		return nil, agent.Permanent(fmt.Errorf("the command's output is larger than %d KiB as a JSON string, the maximum size of a result", missions.MaxDataBytes>>10))
	}
	return json.RawMessage(quoted), nil
}

// whyNotJSON says why a text that was probably meant to be JSON is none, and "" of other
// texts: those that do not begin with an object or an array, or are no number only because
// they say NaN or Infinity.
func whyNotJSON(text string) string {
	begin := strings.TrimLeft(text, " \t\r\n")
	switch {
	case strings.HasPrefix(begin, "{"), strings.HasPrefix(begin, "["):
	case begin == "NaN", strings.TrimPrefix(begin, "-") == "Infinity":
		return begin + " is no JSON number"
	default:
		return ""
	}
	decoder := jsontext.NewDecoder(strings.NewReader(text))
	if _, err := decoder.ReadValue(); err != nil {
		return ui.Clean(strings.TrimPrefix(err.Error(), "jsontext: "))
	}
	return fmt.Sprintf("there is more after the value that ends at byte %d", decoder.InputOffset())
}
