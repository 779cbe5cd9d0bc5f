package agentcheck

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"

	"github.com/nats-io/nats.go"

	"missioncontrol/supervisor/agent"
	"missioncontrol/supervisor/api"
)

// natsLine sends an agent's requests over NATS.
type natsLine struct {
	nc *nats.Conn
	id string
}

func newNATSLine(url, id, mutant string) (*natsLine, error) {
	options := agent.ConnectionOptions(id)
	switch mutant {
	case "nameless":
		options = append(options, nats.Name(""))
	case "never connects again":
		options = append(options, nats.NoReconnect())
	}
	nc, err := nats.Connect(url, options...)
	return &natsLine{nc, id}, err
}

func (l *natsLine) ask(ctx context.Context, verb string, request, reply any) error {
	body, err := json.Marshal(request)
	if err != nil {
		return err
	}
	m, err := l.nc.RequestWithContext(ctx, api.AgentSubject(l.id, verb), body)
	if err != nil {
		return err
	}
	return understand(m.Data, m.Header.Get(api.HeaderErrorCode) != "", reply)
}

func understand(body []byte, refused bool, reply any) error {
	if refused {
		var refusal api.ErrorReply
		if err := json.Unmarshal(body, &refusal); err != nil {
			return err
		}
		return refusal.Error
	}
	if reply == nil {
		return nil
	}
	return json.Unmarshal(body, reply)
}

func (l *natsLine) listen(ctx context.Context, command func(api.Command), _ func()) {
	sub, err := l.nc.SubscribeSync(api.CommandsSubject(l.id))
	if err != nil {
		return
	}
	for {
		m, err := sub.NextMsgWithContext(ctx)
		if err != nil {
			return
		}
		var c api.Command
		if json.Unmarshal(m.Data, &c) == nil {
			command(c)
		}
	}
}

// httpLine sends an agent's requests over HTTP.
type httpLine struct{ url, token, mutant string }

func (l *httpLine) do(ctx context.Context, method, verb string, body []byte) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, method, l.url+verb, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if l.token != "" && l.mutant != "sends no token" {
		r.Header.Set("Authorization", "Bearer "+l.token)
	}
	return http.DefaultClient.Do(r)
}

func (l *httpLine) ask(ctx context.Context, verb string, request, reply any) error {
	body, err := json.Marshal(request)
	if err != nil {
		return err
	}
	response, err := l.do(ctx, http.MethodPost, verb, body)
	if err != nil {
		return err
	}
	defer response.Body.Close() //nolint:errcheck // it was read
	body, err = io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	return understand(body, response.StatusCode >= 400, reply)
}

func (l *httpLine) listen(ctx context.Context, command func(api.Command), connected func()) {
	for ctx.Err() == nil {
		if response, err := l.do(ctx, http.MethodGet, commandsVerb, nil); err == nil {
			l.read(response, command, connected)
		}
		if l.mutant == "never opens the stream again" || sleep(ctx, 2*tick) != nil {
			return
		}
	}
}

func (l *httpLine) read(response *http.Response, command func(api.Command), connected func()) {
	defer response.Body.Close() //nolint:errcheck // it was read
	event := ""
	for lines := bufio.NewScanner(response.Body); lines.Scan(); {
		field, value, _ := strings.Cut(lines.Text(), ": ")
		switch {
		case field == "event":
			event = value
		case field == "data" && event == "ready":
			connected()
		case field == "data" && event == "command":
			var c api.Command
			if json.Unmarshal([]byte(value), &c) == nil {
				command(c)
			}
		}
	}
}
