package eventstream

import (
	"errors"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"
)

// After a write times out without writing anything, no further write may happen.
func TestFailStop(t *testing.T) {
	t.Parallel()
	near, far := net.Pipe() // unbuffered: nothing is written without a reader
	defer func() { _ = far.Close() }()
	conn := newFailStop(near, time.Hour)
	if err := conn.SetWriteDeadline(time.Now().Add(-time.Second)); err != nil {
		t.Fatal(err)
	}
	if n, err := conn.Write([]byte("lost")); n != 0 || err == nil {
		t.Fatalf("wrote %d, %v, want a timeout", n, err)
	}
	read := make(chan int)
	go func() {
		n, _ := far.Read(make([]byte, 100))
		read <- n
	}()
	_ = conn.SetWriteDeadline(time.Time{})
	if n, err := conn.Write([]byte("overtakes")); n != 0 || err == nil {
		t.Errorf("wrote %d, %v after a failed write, want an error", n, err)
	}
	if n := <-read; n != 0 {
		t.Errorf("the other end read %d bytes", n)
	}
}

// A process that was stopped may not send what it was about to: another one may have sent
// it meanwhile.
func TestAStoppedProcessSendsNothingLate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		defer func() { _ = far.Close() }()
		conn := newFailStop(near, 10*time.Second)
		received := make(chan []byte)
		go func() { all, _ := io.ReadAll(far); received <- all }()
		time.Sleep(9 * time.Second)
		if _, err := conn.Write([]byte("in time,")); err != nil {
			t.Fatal(err)
		}
		time.Sleep(9 * time.Second)
		if _, err := conn.Write([]byte("again")); err != nil {
			t.Fatal(err)
		}
		time.Sleep(11 * time.Second) // as if it was stopped
		if _, err := conn.Write([]byte("too late")); !errors.Is(err, errFrozen) {
			t.Fatalf("error %v", err)
		}
		if got := string(<-received); got != "in time,again" {
			t.Fatalf("received %q", got)
		}
	})
}

// The monotonic clock stands still while a machine is suspended.
func TestElapsedCountsSuspension(t *testing.T) {
	t.Parallel()
	now := time.Now()
	if got := elapsed(now, now.Add(3*time.Second)); got != 3*time.Second {
		t.Errorf("elapsed %v", got)
	}
	if got := elapsed(now.Round(0).Add(-time.Minute), now); got != time.Minute {
		t.Errorf("elapsed %v", got)
	}
}
