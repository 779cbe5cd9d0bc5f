// Package wakeup tells a goroutine that there is something to do.
package wakeup

// A Signal holds at most one wake-up. Senders never wait, and wake-ups sent before the
// receiver takes one become one, so whoever receives has to look at everything that may
// have changed before the receive:
//
//	for {
//		select {
//		case <-signal:
//			handleAll()
//		case <-ctx.Done():
//			return
//		}
//	}
//
// If several goroutines receive, each wake-up goes to one of them. A Signal may be used
// concurrently and must not be closed. On the zero value, Send does nothing and a receive
// blocks forever.
type Signal chan struct{}

// New returns a signal without a wake-up.
func New() Signal { return make(Signal, 1) }

// Send leaves a wake-up, unless one is waiting already. It never blocks. It does not replace
// a lock or an atomic: when one is waiting, Send does not synchronize with the receive.
func (s Signal) Send() {
	select {
	case s <- struct{}{}:
	default:
	}
}
