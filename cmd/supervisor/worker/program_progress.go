package worker

import (
	"io"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"missioncontrol/cmd/supervisor/ui"
)

// activity is what shows that a program works: how much it has written, and the line that
// a terminal would show last, if the program redraws that line or has not ended it.
type activity struct {
	mu      sync.Mutex
	written int64
	line    string
	lines   int // how many lines had ended when line began
	bar     bool
}

func (a *activity) wrote(n int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.written += int64(n)
}

func (a *activity) redrawn(line string) { a.show(line, true) }

func (a *activity) unfinished(line string) { a.show(line, false) }

func (a *activity) show(line string, bar bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.bar && !bar {
		return // a bar that is being redrawn: its last whole form is better
	}
	a.line, a.bar = line, bar
}

func (a *activity) lineEnded() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.line, a.bar = "", false
	a.lines++
}

func (a *activity) now() (written int64, line string, lines int, bar bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.written, a.line, a.lines, a.bar
}

// watched counts what is read from a program.
type watched struct {
	io.Reader
	activity *activity
}

func (w watched) Read(b []byte) (int, error) {
	n, err := w.Reader.Read(b)
	w.activity.wrote(n)
	return n, err
}

// showEvery is how often a line that changes is shown anew, and how old a line that has
// not ended must be to be shown.
const showEvery = time.Second

// report passes on what the program shows, until stop is closed. If the mission must not
// stall, report says in time that the program has written something, whatever it is: with
// "" if there is nothing new to show.
func (a *activity) report(stop <-chan struct{}, stall time.Duration, progress func(line string)) {
	every := showEvery
	if stall > 0 {
		every = max(min(every, stall/4), 5*time.Millisecond)
	}
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	var reported int64
	reportedAt := time.Now()
	shown, linesBefore := "", -1
	for {
		select {
		case <-ticker.C:
		case <-stop:
			return
		}
		written, line, lines, bar := a.now()
		old := bar || lines == linesBefore // a line that began since may end at once
		linesBefore = lines
		switch {
		case line != "" && line != shown && old:
			progress(line)
			shown = line
		case stall > 0 && written != reported && time.Since(reportedAt) >= stall/4:
			progress("")
		default:
			continue
		}
		reported, reportedAt = written, time.Now()
	}
}

var percentage = regexp.MustCompile(`(\d{1,3}(?:[.,]\d+)?) ?%`)

// progressShown is what a mission's progress says of its program.
type progressShown struct {
	mu       sync.Mutex
	percent  float64
	message  string
	reported bool // the program has said it in so many words
}

// maxShown is how many characters of a line are shown as progress.
const maxShown = 200

// report takes progress that the program reports. From then on, what it shows does not count.
func (p *progressShown) report(percent float64, message string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.percent, p.message, p.reported = percent, message, true
}

// show takes a line that the program shows; "" leaves everything as it is. A percentage in
// it becomes the mission's. It returns the progress.
func (p *progressShown) show(line string) (percent float64, message string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.reported {
		p.take(line)
	}
	return p.percent, p.message
}

func (p *progressShown) take(line string) {
	if line = strings.TrimSpace(ui.Clean(line)); line == "" {
		return
	}
	p.message = ui.Shorten(line, maxShown)
	all := percentage.FindAllStringSubmatch(line, -1)
	if len(all) == 0 {
		return
	}
	percent, err := strconv.ParseFloat(strings.ReplaceAll(all[len(all)-1][1], ",", "."), 64)
	if err == nil && percent <= 100 {
		p.percent = percent
	}
}
