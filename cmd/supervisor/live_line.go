package main

import (
	"bytes"
	"strings"
	"sync"
)

// liveLine is a line at the bottom of a terminal, redrawn as it changes, below other
// output. Without a terminal it is never drawn.
type liveLine struct {
	screen *screen

	mu   sync.Mutex
	text painted // "" while nothing is drawn
}

// show redraws the line, as much of it as fits.
func (l *liveLine) show(text painted) {
	if !l.screen.terminal {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.screen.measure()
	if l.screen.width > 0 {
		text = painted(cutEnd(string(text), l.screen.width-1)) // leave the last column free: some terminals wrap there
	}
	if text != l.text {
		l.text = text
		l.screen.printf("\r%s%s", text, clearLineEnd)
	}
}

// hide removes the line.
func (l *liveLine) hide() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.text != "" {
		l.text = ""
		l.screen.printf("\r%s", clearLineEnd)
	}
}

// Write writes whole lines above the line. It implements [io.Writer].
func (l *liveLine) Write(lines []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.text == "" {
		return l.screen.Write(lines)
	}
	all := bytes.Join([][]byte{[]byte("\r" + clearLineEnd), lines, []byte(l.text)}, nil)
	if _, err := l.screen.Write(all); err != nil {
		return 0, err
	}
	return len(lines), nil
}

// gauge draws a percentage as a bar.
func gauge(percent float64, width int) string {
	full := int(max(0, min(100, percent)) / 100 * float64(width))
	return strings.Repeat("█", full) + strings.Repeat("░", width-full)
}
