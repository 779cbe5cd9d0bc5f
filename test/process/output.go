package process

import (
	"bytes"
	"sync"
	"time"
)

// maxOutput limits what an [Output] keeps, in bytes.
const maxOutput = 16 << 20

// Output holds the end of what a process writes. Its methods may be called concurrently.
type Output struct {
	mu   sync.Mutex
	buf  bytes.Buffer
	more chan struct{} // closed at the next write; nil while nothing waits
}

// Write implements [io.Writer].
func (o *Output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.more != nil {
		close(o.more)
		o.more = nil
	}
	o.buf.Write(p)
	o.buf.Next(max(0, o.buf.Len()-maxOutput))
	return len(p), nil
}

// Await waits until the output is as wanted, stop is closed, or the timeout passes. It
// reports whether the output is as wanted.
func (o *Output) Await(wanted func(printed string) bool, stop <-chan struct{}, atMost time.Duration) bool {
	late := time.After(atMost)
	for {
		o.mu.Lock()
		text := o.buf.String()
		if o.more == nil {
			o.more = make(chan struct{})
		}
		more := o.more
		o.mu.Unlock()
		if wanted(text) {
			return true
		}
		select {
		case <-more:
		case <-stop:
			return wanted(o.String())
		case <-late:
			return false
		}
	}
}

func (o *Output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}
