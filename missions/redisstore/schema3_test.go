package redisstore

import (
	"encoding/binary"
	"errors"
	"strings"
	"testing"
)

// TestWhatWasForgottenWasAcknowledged: the scripts of schema 3 raised the one with the other only
// when they read them.
func TestWhatWasForgottenWasAcknowledged(t *testing.T) {
	t.Parallel()
	packed := ""
	for _, n := range []uint64{5, 4, 30, 20, 10} {
		packed += string(binary.LittleEndian.AppendUint64(nil, n))
	}
	s, err := readOldState(packed + strings.Repeat("\x00", oldStateBytes-len(packed)))
	if want := (oldState{seq: 5, leases: 4, position: 30, forgotten: 20, acknowledged: 20}); err != nil || s != want {
		t.Errorf("the state is read as %+v (%v), want %+v", s, err, want)
	}
	if _, err := readOldState(packed); !errors.Is(err, errOldDamaged) {
		t.Errorf("a state that is too short: %v", err)
	}
}
