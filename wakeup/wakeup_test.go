package wakeup_test

import (
	"sync"
	"testing"

	"missioncontrol/wakeup"
)

// Wake-ups that nobody took become one, and Send does not wait for a receiver.
func TestSignalHoldsOneWakeUp(t *testing.T) {
	s := wakeup.New()
	for range 3 {
		s.Send()
	}
	<-s
	select {
	case <-s:
		t.Error("three wake-ups before a receive are two")
	default:
	}
	s.Send()
	<-s // a taken wake-up makes room for the next
}

func TestZeroSignalNeverWakes(t *testing.T) {
	var s wakeup.Signal
	s.Send()
	select {
	case <-s:
		t.Error("the zero signal holds a wake-up")
	default:
	}
}

// No change is missed: after the last change there is a wake-up, or the receiver has yet
// to look.
func TestLastChangeIsSeen(t *testing.T) {
	const senders, changes = 8, 1000
	s := wakeup.New()
	var mu sync.Mutex
	done := 0
	for range senders {
		go func() {
			for range changes {
				mu.Lock()
				done++
				mu.Unlock()
				s.Send()
			}
		}()
	}
	for range s {
		mu.Lock()
		seen := done
		mu.Unlock()
		if seen == senders*changes {
			return
		}
	}
}
