package ui

import (
	"bytes"
	"strings"
	"sync"
)

// LiveLine is a line at the bottom of a terminal, redrawn as it changes, below other
// output. Without a terminal it is never drawn.
type LiveLine struct {
	Screen *Screen

	mu   sync.Mutex
	text Painted // "" while nothing is drawn
}

// Show redraws the line, as much of it as fits.
func (l *LiveLine) Show(text Painted) {
	if !l.Screen.Terminal {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.Screen.Measure()
	if l.Screen.Width > 0 {
		text = Painted(CutEnd(string(text), l.Screen.Width-1)) // leave the last column free: some terminals wrap there
	}
	if text != l.text {
		l.text = text
		l.Screen.Printf("\r%s%s", text, clearLineEnd)
	}
}

// Hide removes the line.
func (l *LiveLine) Hide() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.text != "" {
		l.text = ""
		l.Screen.Printf("\r%s", clearLineEnd)
	}
}

// Write writes whole lines above the line. It implements [io.Writer].
func (l *LiveLine) Write(lines []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.text == "" {
		return l.Screen.Write(lines)
	}
	all := bytes.Join([][]byte{[]byte("\r" + clearLineEnd), lines, []byte(l.text)}, nil)
	if _, err := l.Screen.Write(all); err != nil {
		return 0, err
	}
	return len(lines), nil
}

// Gauge draws a percentage as a bar.
func Gauge(percent float64, width int) string {
	full := int(max(0, min(100, percent)) / 100 * float64(width))
	return strings.Repeat("█", full) + strings.Repeat("░", width-full)
}
