package redisstore

import (
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"sync/atomic"
)

// seal marks the messages of supervisors of one data set, with a secret that stands there:
// whoever may send to their subjects or addresses, but not read the data set, cannot forge any.
// A message that is sent again by somebody else has no effect, since its requests have ids.
type seal struct{ secret atomic.Pointer[string] }

var errSeal = errors.New("the message is not from a supervisor of this data set")

func (s *seal) mark(message []byte) []byte {
	h := hmac.New(sha256.New, []byte(*s.secret.Load()))
	_, _ = h.Write(message) // never fails
	return h.Sum(nil)
}

// close returns a message with its mark in front.
func (s *seal) close(message []byte) []byte { return append(s.mark(message), message...) }

// open returns a message without its mark.
func (s *seal) open(sealed []byte) ([]byte, error) {
	if len(sealed) < sha256.Size || !hmac.Equal(sealed[:sha256.Size], s.mark(sealed[sha256.Size:])) {
		return nil, errSeal
	}
	return sealed[sha256.Size:], nil
}
