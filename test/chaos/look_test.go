//go:build chaos

package chaos

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/ncruces/go-sqlite3"

	"missioncontrol/test/chaos/check"
)

// look reads the final content of the store and the stream, over plain NATS.
type look struct{ nc *nats.Conn }

func newLook(urls string) (*look, error) {
	nc, err := nats.Connect(urls, nats.Name("look"), nats.MaxReconnects(-1), nats.RetryOnFailedConnect(true), nats.ReconnectWait(100*time.Millisecond))
	return &look{nc}, err
}

func (l *look) close() { l.nc.Close() }

// ask repeats a request until it is answered, which nothing should prevent now.
func (l *look) ask(op string, request, reply any) error {
	body, err := json.Marshal(request)
	if err != nil {
		return err
	}
	until(recovery, func() bool {
		ctx, cancel := context.WithTimeout(context.Background(), usual)
		defer cancel()
		var a answer
		if a, err = (overNATS{nc: l.nc}).send(ctx, op, body); err == nil && !a.ok() {
			err = fmt.Errorf("%s is answered with %s: %s", op, a.code, a.body)
		}
		if err == nil {
			err = json.Unmarshal(a.body, reply)
		}
		return err == nil
	})
	return err
}

// awaitEnds waits until every mission has ended; meanwhile, somebody does what operators do. The error says that none of them has for the timeout: how long all of
// them take depends on the machine, and on how many there are.
func (l *look) awaitEnds(timeout time.Duration, meanwhile func()) error {
	var counts check.Counts
	var err error
	next, fewest := time.Now(), math.MaxInt
	for {
		ended := false
		if !until(timeout, func() bool {
			if now := time.Now(); !now.Before(next) {
				meanwhile()
				next = now.Add(time.Second)
			}
			err = l.ask("status", struct{}{}, &counts)
			left := counts.Pending + counts.Running
			ended = left == 0
			return err == nil && left < fewest
		}) {
			return errors.Join(err, fmt.Errorf("for %s, %d missions have been PENDING and %d RUNNING", timeout, counts.Pending, counts.Running))
		}
		if fewest = counts.Pending + counts.Running; ended {
			return nil
		}
	}
}

func (l *look) waiting() (int64, error) {
	var health struct {
		Checks struct {
			Stream struct {
				Waiting int64 `json:"waiting"`
			} `json:"event_stream"`
		} `json:"checks"`
	}
	err := l.ask("health", struct{}{}, &health)
	return health.Checks.Stream.Waiting, err
}

func (l *look) awaitEmptyOutbox(timeout time.Duration) error {
	var n int64
	var err error
	if until(timeout, func() bool { n, err = l.waiting(); return err == nil && n == 0 }) {
		return nil
	}
	return errors.Join(err, fmt.Errorf("after %s, %d events wait for the stream", timeout, n))
}

// collect reads the store and the stream.
func (l *look) collect() (*check.Evidence, error) {
	e := &check.Evidence{Missions: map[string]check.Mission{}, Logs: map[string][]check.LogEntry{}, Agents: map[string]bool{}, Counts: &check.Counts{}}
	for _, step := range []func(*check.Evidence) error{l.missions, l.logs, l.agents, l.batches, l.schedules, l.usage, l.events} {
		if err := step(e); err != nil {
			return nil, err
		}
	}
	var err error
	if e.Waiting, err = l.waiting(); err != nil {
		return nil, err
	}
	return e, l.ask("status", struct{}{}, e.Counts)
}

// missions reads the list, and each mission again by its ID.
func (l *look) missions(e *check.Evidence) error {
	for cursor := json.RawMessage(nil); ; {
		var page struct {
			Missions []check.Mission `json:"missions"`
			Next     json.RawMessage `json:"next_cursor"`
		}
		request := map[string]any{"limit": 500}
		if cursor != nil {
			request["cursor"] = cursor
		}
		if err := l.ask("missions.list", request, &page); err != nil {
			return err
		}
		for _, m := range page.Missions {
			if _, twice := e.Missions[m.ID]; twice {
				e.Troubles = append(e.Troubles, fmt.Sprintf("mission %s is listed twice", m.ID))
			}
			var got struct {
				Mission check.Mission `json:"mission"`
			}
			if err := l.ask("missions.get", byID{m.ID}, &got); err != nil {
				return err
			}
			if fmt.Sprint(got.Mission) != fmt.Sprint(m) {
				e.Troubles = append(e.Troubles, fmt.Sprintf("mission %s is listed as %v, and got as %v", m.ID, m, got.Mission))
			}
			e.Missions[m.ID] = got.Mission
		}
		if cursor = page.Next; len(cursor) == 0 || string(cursor) == "null" {
			return nil
		}
	}
}

func (l *look) logs(e *check.Evidence) error {
	for id := range e.Missions {
		for cursor := json.RawMessage(nil); ; {
			var page struct {
				Log  []check.LogEntry `json:"log"`
				Next json.RawMessage  `json:"next_cursor"`
			}
			request := map[string]any{"id": id, "limit": 1000}
			if cursor != nil {
				request["after"] = cursor
			}
			if err := l.ask("missions.log", request, &page); err != nil {
				return err
			}
			e.Logs[id] = append(e.Logs[id], page.Log...)
			if cursor = page.Next; len(cursor) == 0 || string(cursor) == "null" {
				break
			}
		}
	}
	return nil
}

func (l *look) agents(e *check.Evidence) error {
	var page struct {
		Agents []struct {
			ID string `json:"id"`
		} `json:"agents"`
	}
	if err := l.ask("agents", map[string]any{"limit": 1000}, &page); err != nil {
		return err
	}
	for _, a := range page.Agents {
		e.Agents[a.ID] = true
	}
	return nil
}

// batches reads the list of batches.
func (l *look) batches(e *check.Evidence) error {
	e.Batches = map[string]check.Batch{}
	for cursor := json.RawMessage(nil); ; {
		var page struct {
			Batches []check.Batch   `json:"batches"`
			Next    json.RawMessage `json:"next_cursor"`
		}
		request := map[string]any{"limit": 500}
		if cursor != nil {
			request["cursor"] = cursor
		}
		if err := l.ask("batches.list", request, &page); err != nil {
			return err
		}
		for _, b := range page.Batches {
			if _, twice := e.Batches[b.ID]; twice {
				e.Troubles = append(e.Troubles, fmt.Sprintf("batch %s is listed twice", b.ID))
			}
			e.Batches[b.ID] = b
		}
		if cursor = page.Next; len(cursor) == 0 || string(cursor) == "null" {
			return nil
		}
	}
}

// schedules reads the list of schedules.
func (l *look) schedules(e *check.Evidence) error {
	e.Schedules, e.SchedulesAt = map[string]check.Schedule{}, float64(time.Now().UnixMicro())/1e6
	for cursor := ""; ; {
		var page struct {
			Schedules []check.Schedule `json:"schedules"`
			Next      string           `json:"next_cursor"`
		}
		request := map[string]any{"limit": 500}
		if cursor != "" {
			request["cursor"] = cursor
		}
		if err := l.ask("schedules.list", request, &page); err != nil {
			return err
		}
		for _, s := range page.Schedules {
			if _, twice := e.Schedules[s.ID]; twice {
				e.Troubles = append(e.Troubles, fmt.Sprintf("schedule %s is listed twice", s.ID))
			}
			e.Schedules[s.ID] = s
		}
		if cursor = page.Next; cursor == "" {
			return nil
		}
	}
}

// awaitDue reads the schedules once none of them is overdue, or after as long as that may take.
func (l *look) awaitDue(e *check.Evidence) error {
	var err error
	until(overdue, func() bool {
		if err = l.schedules(e); err != nil {
			return false
		}
		for _, s := range e.Schedules {
			if s.NextAt != 0 && s.NextAt < e.SchedulesAt {
				return false
			}
		}
		return true
	})
	return err
}

// overdue is how long schedules may take to catch up once nothing is wrong.
const overdue = 15 * time.Second

// usage reads what the statistics count.
func (l *look) usage(e *check.Evidence) error {
	var output struct {
		Stats struct {
			Usage map[string]float64 `json:"usage"`
		} `json:"stats"`
	}
	err := l.ask("missions.stats", struct{}{}, &output)
	e.Usage = output.Stats.Usage
	return err
}

// events reads the whole stream from its leader. A consumer may be on a lagging
// replica, which has fewer events, or none.
func (l *look) events(e *check.Evidence) error {
	var info struct {
		State struct {
			Last uint64 `json:"last_seq"`
		} `json:"state"`
	}
	if err := l.jetStream("STREAM.INFO.EVENTS", struct{}{}, &info); err != nil {
		return err
	}
	for seq := uint64(1); seq <= info.State.Last; seq++ {
		var got struct {
			Message struct {
				Subject string `json:"subject"`
				Seq     uint64 `json:"seq"`
				Header  []byte `json:"hdrs"`
				Data    []byte `json:"data"`
			} `json:"message"`
		}
		request := map[string]any{"seq": seq, "next_by_subj": "events.>"} // the next one, if this was deleted
		if err := l.jetStream("STREAM.MSG.GET.EVENTS", request, &got); err != nil {
			return err
		}
		seq = got.Message.Seq
		header := nats.Header{}
		if len(got.Message.Header) > 0 {
			var err error
			if header, err = nats.DecodeHeadersMsg(got.Message.Header); err != nil {
				return fmt.Errorf("message %d of the stream: %w", seq, err)
			}
		}
		event, err := check.ParseEvent(seq, got.Message.Subject, header.Get("Nats-Msg-Id"), got.Message.Data)
		if err != nil {
			return err
		}
		e.Events = append(e.Events, event)
	}
	return nil
}

// jetStream repeats a request to the stream's leader until it is answered.
func (l *look) jetStream(op string, request, reply any) error {
	body, err := json.Marshal(request)
	if err != nil {
		return err
	}
	until(recovery, func() bool { err = l.jetStreamOnce(op, body, reply); return err == nil })
	return err
}

func (l *look) jetStreamOnce(op string, body []byte, reply any) error {
	msg, err := l.nc.Request("$JS.API."+op, body, usual)
	if err != nil {
		return fmt.Errorf("%s %s: %w", op, body, err)
	}
	var failed struct {
		Error *struct {
			Description string `json:"description"`
		} `json:"error"`
	}
	if err := json.Unmarshal(msg.Data, &failed); err != nil {
		return fmt.Errorf("%s %s: %w", op, body, err)
	}
	if failed.Error != nil {
		return fmt.Errorf("%s %s: %s", op, body, failed.Error.Description)
	}
	return json.Unmarshal(msg.Data, reply)
}

// tableStatuses are the statuses, in the database's numbering.
var tableStatuses = []string{"PENDING", "RUNNING", "COMPLETED", "FAILED", "CANCELLED"}

// readTable reads the missions of a database that is not in use.
func readTable(path string) (rows map[string]check.Row, err error) {
	db, err := sqlite3.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	query, _, err := db.Prepare("SELECT m.id, m.status, m.lease, o.result FROM missions m LEFT JOIN outcomes o ON o.seq = m.seq")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, query.Close()) }()
	rows = map[string]check.Row{}
	for query.Step() {
		rows[query.ColumnText(0)] = check.Row{Status: tableStatuses[query.ColumnInt(1)], Lease: query.ColumnInt64(2),
			Result: query.ColumnBlob(3, nil)}
	}
	return rows, query.Err()
}
