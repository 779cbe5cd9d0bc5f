package check

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
)

// Outcome is the result of a request, as far as its sender can know.
type Outcome string

// Outcomes of a request. It is Unknown until it is answered, and stays so if the
// answer does not say whether it was carried out.
const (
	OK      Outcome = "ok"
	Refused Outcome = "refused"
	Unknown Outcome = "unknown"
)

// Call is a request and its answer.
type Call struct {
	Who     string // the client or agent
	Life    int    // how often it had been started
	N       int    // counts the requests of a life
	Op      string // the subject without "supervisor." and the agent's ID: "missions.create", "agent.claim"
	Asked   int64  // monotonic, in nanoseconds, the same clock for all processes
	Told    int64  // the same clock; 0 if it was never answered
	Request json.RawMessage
	Outcome Outcome
	Code    string // of a refusal; or why the outcome is unknown
	Reply   json.RawMessage
}

// line is one line of a history file: the start of a life, a request, or an answer.
type line struct {
	Who     string          `json:"who"`
	Life    int             `json:"life"`
	N       int             `json:"n"` // 0: the life begins
	At      int64           `json:"at"`
	Op      string          `json:"op,omitempty"` // of a request
	Request json.RawMessage `json:"request,omitempty"`
	Outcome Outcome         `json:"outcome,omitempty"` // of an answer
	Code    string          `json:"code,omitempty"`
	Reply   json.RawMessage `json:"reply,omitempty"`
}

const extension = ".jsonl"

// Recorder appends to the history of one client or agent. Its methods may be called
// concurrently.
type Recorder struct {
	who  string
	life int
	now  func() int64

	mu   sync.Mutex
	file *os.File
	n    int
}

// Record opens the history of who in a directory and starts another life in it. now
// is the monotonic clock.
func Record(dir, who string, now func() int64) (*Recorder, error) {
	path := filepath.Join(dir, who+extension)
	old, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	r := &Recorder{who: who, life: 1, now: now, file: file}
	for text := range bytes.Lines(old) {
		var l line
		if json.Unmarshal(text, &l) == nil && l.N == 0 {
			r.life = l.Life + 1
		}
	}
	if len(old) > 0 && old[len(old)-1] != '\n' { // the previous life ended in the middle of a line
		if _, err := file.WriteString("\n"); err != nil {
			return nil, errors.Join(err, file.Close())
		}
	}
	return r, r.write(line{})
}

// Life returns how often this client or agent has been started, including this
// time.
func (r *Recorder) Life() int { return r.life }

// Ask records a request before it is sent, and returns its number.
func (r *Recorder) Ask(op string, request []byte) (int, error) {
	r.mu.Lock()
	r.n++
	n := r.n
	r.mu.Unlock()
	return n, r.write(line{N: n, Op: op, Request: request})
}

// Tell records the answer to request n.
func (r *Recorder) Tell(n int, outcome Outcome, code string, reply []byte) error {
	return r.write(line{N: n, Outcome: outcome, Code: code, Reply: reply})
}

func (r *Recorder) write(l line) error {
	l.Who, l.Life, l.At = r.who, r.life, r.now()
	text, err := json.Marshal(l)
	if err != nil {
		return fmt.Errorf("history of %s: %w", r.who, err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	_, err = r.file.Write(append(text, '\n')) // in one piece: a kill leaves all of it, or a part at the end
	return err
}

// Close ends the recording.
func (r *Recorder) Close() error { return r.file.Close() }

// ReadHistories reads every history in a directory.
func ReadHistories(dir string) ([]Call, error) {
	paths, err := filepath.Glob(filepath.Join(dir, "*"+extension))
	if err != nil {
		return nil, err
	}
	var all []Call
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		calls, err := readHistory(bytes.NewReader(text))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		all = append(all, calls...)
	}
	return all, nil
}

// readHistory reads one history. The last line of a life may be torn.
func readHistory(from io.Reader) ([]Call, error) {
	all, err := io.ReadAll(from)
	if err != nil {
		return nil, err
	}
	var calls []Call
	positions := map[[2]int]int{}
	var torn error
	number := 0
	for text := range bytes.Lines(all) {
		number++
		if len(bytes.TrimSpace(text)) == 0 {
			continue
		}
		var l line
		err := json.Unmarshal(text, &l)
		if torn != nil && (err != nil || l.N != 0) { // another life begins after a torn line
			return nil, torn
		}
		if torn = nil; err != nil {
			torn = fmt.Errorf("line %d: %w", number, err)
			continue
		}
		if calls, err = take(calls, positions, &l); err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
	}
	return calls, nil
}

func take(calls []Call, positions map[[2]int]int, l *line) ([]Call, error) {
	key := [2]int{l.Life, l.N}
	switch {
	case l.N == 0:
		return calls, nil
	case l.Op != "":
		positions[key] = len(calls)
		return append(calls, Call{Who: l.Who, Life: l.Life, N: l.N, Op: l.Op, Asked: l.At, Request: l.Request, Outcome: Unknown}), nil
	}
	position, asked := positions[key]
	if !asked {
		return nil, fmt.Errorf("an answer to request %d, which was not asked", l.N)
	}
	c := &calls[position]
	c.Told, c.Outcome, c.Code, c.Reply = l.At, l.Outcome, l.Code, l.Reply
	return calls, nil
}
