package api

import (
	"errors"
	"fmt"
	"strconv"
)

// Cursor is a position in a list. On the wire it is a string that readers send back
// unchanged; a bare number is accepted, too.
type Cursor int64

var errCursor = errors.New("must be a cursor from an earlier reply")

// MarshalJSON encodes the cursor as a string.
func (c Cursor) MarshalJSON() ([]byte, error) {
	return fmt.Appendf(nil, "%q", strconv.FormatInt(int64(c), 10)), nil
}

// UnmarshalJSON decodes a cursor from a string or a number; "" and null are the start.
func (c *Cursor) UnmarshalJSON(b []byte) error {
	text := string(b)
	if len(text) >= 2 && text[0] == '"' {
		text = text[1 : len(text)-1]
	}
	if text == "" || text == "null" {
		*c = 0
		return nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 {
		return errCursor
	}
	*c = Cursor(n)
	return nil
}
