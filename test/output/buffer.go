// Package output holds what programs print and log, for tests that read it.
package output

import (
	"bytes"
	"strings"
	"sync"
	"time"
)

// maxBytes limits what a [Buffer] keeps.
const maxBytes = 16 << 20

// Buffer holds the end of what is written to it. The zero value is empty. Its methods may
// be called concurrently.
type Buffer struct {
	mu   sync.Mutex
	buf  bytes.Buffer
	more chan struct{} // closed at the next write; nil while nothing waits
}

// Write implements [io.Writer].
func (b *Buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.more != nil {
		close(b.more)
		b.more = nil
	}
	b.buf.Write(p)
	b.buf.Next(max(0, b.buf.Len()-maxBytes))
	return len(p), nil
}

func (b *Buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// Count returns how often a text occurs.
func (b *Buffer) Count(text string) int { return strings.Count(b.String(), text) }

// Lines returns the lines that are not empty.
func (b *Buffer) Lines() []string {
	return strings.FieldsFunc(b.String(), func(r rune) bool { return r == '\n' })
}

// Take empties the buffer and returns what was in it.
func (b *Buffer) Take() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	defer b.buf.Reset()
	return b.buf.String()
}

// Await waits until the content is as wanted, stop is closed, or the timeout passes. It
// reports whether the content is as wanted.
func (b *Buffer) Await(wanted func(printed string) bool, stop <-chan struct{}, atMost time.Duration) bool {
	late := time.NewTimer(atMost)
	defer late.Stop()
	for {
		text, more := b.watch()
		if wanted(text) {
			return true
		}
		select {
		case <-more:
		case <-stop:
			return wanted(b.String())
		case <-late.C:
			return false
		}
	}
}

// watch returns the content, and a channel that is closed when there is more.
func (b *Buffer) watch() (string, <-chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.more == nil {
		b.more = make(chan struct{})
	}
	return b.buf.String(), b.more
}
