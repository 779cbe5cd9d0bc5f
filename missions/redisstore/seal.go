package redisstore

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"sync/atomic"
	"time"
)

// seal marks the messages of supervisors of one data set, with a secret that stands there:
// whoever may send to their subjects or addresses, but not read the data set, cannot forge any.
// A mark has the time, so that a message that somebody has recorded is of use for less time than
// the receipts of what it asks for are kept.
type seal struct {
	secret atomic.Pointer[string]
	now    func() time.Time // of Redis
}

var errSeal = errors.New("the message is not from a supervisor of this data set")

// sealBytes is how long a mark is: its time and a hash.
const sealBytes = 8 + sha256.Size

// sealLasts is how far the time of a mark may be away. Receipts are kept for longer.
const sealLasts = 40 * time.Second

// hash is over a time, what the message answers, if anything, and the message.
func (s *seal) hash(at, answered, message []byte) []byte {
	h := hmac.New(sha256.New, []byte(*s.secret.Load()))
	for _, part := range [][]byte{at, binary.BigEndian.AppendUint64(nil, uint64(len(answered))), answered, message} {
		_, _ = h.Write(part) // never fails
	}
	return h.Sum(nil)
}

// close returns a message with its mark in front. answered is the mark of the message that it
// answers; nil if it answers none.
func (s *seal) close(message, answered []byte) []byte {
	at := binary.BigEndian.AppendUint64(nil, uint64(s.now().UnixMicro())) //nolint:gosec // not negative
	return append(append(at, s.hash(at, answered, message)...), message...)
}

// open returns a message without its mark, and the mark.
func (s *seal) open(sealed, answered []byte) (message, mark []byte, err error) {
	if len(sealed) < sealBytes {
		return nil, nil, errSeal
	}
	mark, message = sealed[:sealBytes], sealed[sealBytes:]
	at := time.UnixMicro(int64(binary.BigEndian.Uint64(mark))) //nolint:gosec // any time will do
	if !hmac.Equal(mark[8:], s.hash(mark[:8], answered, message)) || s.now().Sub(at).Abs() > sealLasts {
		return nil, nil, errSeal
	}
	return message, mark, nil
}

// pass is what supervisors of the data set know besides.
func (s *seal) pass() string { return hex.EncodeToString(s.hash(nil, nil, []byte("pass"))) }
