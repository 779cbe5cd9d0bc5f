package eventstream

import (
	"net"
	"testing"
	"time"
)

// After a write times out without writing anything, no further write may happen.
func TestFailStop(t *testing.T) {
	t.Parallel()
	near, far := net.Pipe() // unbuffered: nothing is written without a reader
	defer func() { _ = far.Close() }()
	conn := failStop{near}
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
