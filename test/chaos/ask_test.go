//go:build chaos

package chaos

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"missioncontrol/test/chaos/check"
)

// caller sends requests and records them with their answers.
type caller struct {
	who   string
	rec   *check.Recorder
	entry entry
}

// entry is a way to reach a supervisor. An error means that there was no answer.
type entry interface {
	send(ctx context.Context, op string, body []byte) (answer, error)
}

// answer is the answer to a request.
type answer struct {
	outcome check.Outcome
	code    string
	body    []byte
}

func (a answer) ok() bool { return a.outcome == check.OK }

// read decodes an answer; the checker judges it.
func (a answer) read(into any) { _ = json.Unmarshal(a.body, into) }

// usual is the timeout of most requests.
const usual = 3 * time.Second

func (c *caller) ask(op string, request any) answer { return c.askWithin(usual, op, request) }

func (c *caller) askWithin(timeout time.Duration, op string, request any) answer {
	body, err := json.Marshal(request)
	if err != nil {
		log.Fatal(err)
	}
	n, err := c.rec.Ask(op, body)
	if err != nil {
		log.Fatal(err) // without its history a client proves nothing
	}
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	a, err := c.entry.send(ctx, op, body)
	if err != nil {
		a = answer{outcome: check.Unknown, code: err.Error()}
	}
	if !json.Valid(a.body) {
		if len(a.body) > 0 {
			a.outcome, a.code = check.Unknown, fmt.Sprintf("not JSON: %q", a.body)
		}
		a.body = nil
	}
	if err := c.rec.Tell(n, a.outcome, a.code, a.body); err != nil {
		log.Fatal(err)
	}
	return a
}

// judge classifies an answer.
func judge(status string, body []byte) answer {
	if status == "" {
		return answer{outcome: check.OK, body: body}
	}
	var output struct {
		Error struct {
			Code string `json:"code"`
		} `json:"error"`
	}
	_ = json.Unmarshal(body, &output) // without a code, the status number is used
	a := answer{outcome: check.Refused, code: output.Error.Code, body: body}
	if a.code == "" {
		a.code = status
	}
	if strings.HasPrefix(status, "5") { // it may have been carried out
		a.outcome = check.Unknown
	}
	return a
}

// overNATS is the entry used by agents and most clients.
type overNATS struct {
	nc    *nats.Conn
	agent string // in the subject
}

func (d overNATS) send(ctx context.Context, op string, body []byte) (answer, error) {
	subject := "supervisor." + op
	if verb, mine := strings.CutPrefix(op, "agent."); mine {
		subject = "supervisor.agent." + d.agent + "." + verb
	}
	reply, err := d.nc.RequestWithContext(ctx, subject, body)
	if err != nil {
		return answer{}, err
	}
	return judge(reply.Header.Get("Nats-Service-Error-Code"), reply.Data), nil
}

// dial opens a connection that always reconnects.
func dial(urls, name string) *nats.Conn {
	nc, err := nats.Connect(urls, nats.Name(name), nats.RetryOnFailedConnect(true), nats.MaxReconnects(-1),
		nats.ReconnectWait(100*time.Millisecond), nats.Timeout(2*time.Second), nats.PingInterval(2*time.Second),
		nats.IgnoreDiscoveredServers())
	if err != nil {
		log.Fatal(err)
	}
	return nc
}

// overHTTP is the other entry, which needs no broker.
type overHTTP struct{ urls []string } // the first that answers is used

func (d overHTTP) send(ctx context.Context, op string, body []byte) (answer, error) {
	var err error
	for _, url := range d.urls {
		var a answer
		if a, err = d.sendTo(ctx, url, op, body); err == nil {
			return a, nil
		}
	}
	return answer{}, err
}

// query returns the fields of a request as a query.
func query(fields map[string]any) string {
	values := url.Values{}
	for name, value := range fields {
		values.Set(name, fmt.Sprint(value))
	}
	return values.Encode()
}

func (d overHTTP) sendTo(ctx context.Context, url, op string, body []byte) (answer, error) {
	var request struct {
		ID string `json:"id"`
	}
	_ = json.Unmarshal(body, &request) // not every request has one
	fields := map[string]any{}
	_ = json.Unmarshal(body, &fields) // every request is an object
	method, path := http.MethodGet, "/api/supervisor/"+op
	switch op {
	case "health", "status", "agents":
		// unchanged
	case "missions.create":
		method, path = http.MethodPost, "/api/missions"
	case "missions.get":
		path = "/api/missions/" + request.ID
	case "missions.log":
		path = "/api/missions/" + request.ID + "/log"
	case "missions.list":
		path = "/api/missions?" + query(fields)
	case "missions.signal":
		method, path = http.MethodPost, "/api/missions/"+request.ID+"/signal"
		delete(fields, "id")
		body, _ = json.Marshal(fields) // as it was decoded
	default:
		return answer{}, fmt.Errorf("%s is not asked over HTTP", op)
	}
	if method == http.MethodGet {
		body = nil
	}
	r, err := http.NewRequestWithContext(ctx, method, url+path, bytes.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	reply, err := http.DefaultClient.Do(r)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = reply.Body.Close() }() // it was read to the end, or failed
	text, err := io.ReadAll(reply.Body)
	if err != nil {
		return answer{}, err
	}
	status := ""
	if reply.StatusCode >= 400 {
		status = fmt.Sprint(reply.StatusCode)
	}
	return judge(status, text), nil
}
