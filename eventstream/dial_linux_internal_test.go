package eventstream

import (
	"net"
	"syscall"
	"testing"
	"time"
)

// What a session could not deliver, the kernel gives up as well, and not after the quarter of an
// hour that it takes by itself: a process that was killed by then cannot do it.
func TestTheKernelDropsLateData(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	for name, inner := range map[string]*net.Dialer{"its own dialer": nil, "the caller's dialer": {}} {
		d := &dialer{ctx: t.Context(), timeout: time.Minute}
		if inner != nil {
			d.inner = inner
		}
		conn, err := d.Dial("tcp", listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
		raw, err := d.conn.Conn.(*net.TCPConn).SyscallConn()
		if err != nil {
			t.Fatal(err)
		}
		var limit int
		var failed error
		if err := raw.Control(func(fd uintptr) { limit, failed = syscall.GetsockoptInt(int(fd), syscall.IPPROTO_TCP, tcpUserTimeout) }); err != nil || failed != nil {
			t.Fatal(err, failed)
		}
		if want := int(maxDelay.Milliseconds()); limit != want {
			t.Errorf("%s: the kernel tries for %d ms, want %d", name, limit, want)
		}
	}
}
