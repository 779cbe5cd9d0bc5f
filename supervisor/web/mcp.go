package web

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"sync"

	"missioncontrol/missions"
	"missioncontrol/supervisor"
	"missioncontrol/supervisor/admission"
	"missioncontrol/supervisor/api"
	"missioncontrol/supervisor/mcp"
	"missioncontrol/supervisor/roles"
)

// pathMCP is where clients of the Model Context Protocol connect. There are no sessions: a POST
// is a request like any other, and which tools there are depends on its token.
const pathMCP = "/mcp"

// answer answers the JSON of an operation's request for a client. It counts against the same
// bound as the operation's route.
type answer func(ctx context.Context, who credential, request []byte) (reply any, err error)

func answered[Q, R any](bound *bound, method func(context.Context, Q) (R, error)) answer {
	return func(ctx context.Context, who credential, body []byte) (any, error) {
		request, err := api.Decode[Q](body)
		if err != nil {
			return nil, err
		}
		a, err := bound.enter(who)
		if err != nil {
			return nil, err
		}
		defer a.leave()
		if err := a.hold(int64(len(body))); err != nil {
			return nil, err
		}
		done, err := a.turn(ctx)
		if err != nil {
			return nil, err
		}
		defer keepTurn(ctx, done)
		return method(ctx, request)
	}
}

// mcp serves the Model Context Protocol. A call with a tool that waits ends when its client
// leaves or the server stops.
func (d frontEnd) mcp(service *supervisor.Service, answers map[*api.Operation]answer) http.HandlerFunc {
	handler := sync.OnceValue(func() http.Handler { return d.mcpHandler(service, answers) })
	return d.admitted(newBound(admission.For(api.KindBrief)), func(w http.ResponseWriter, r *http.Request, a *admittedRequest) {
		body, err := d.body(w, r, a)
		if err != nil {
			d.refuse(w, r, err)
			return
		}
		if bytes.HasPrefix(bytes.TrimLeft(body, " \t\r\n"), []byte("[")) { // all replies of a batch would be kept until the last one is there
			d.refuse(w, r, missions.Invalid("body", "is an array; send one message at a time"))
			return
		}
		ctx, cancel := context.WithCancel(requestContext(r))
		defer cancel()
		defer context.AfterFunc(leaving(r), cancel)()
		var turns turns
		defer turns.end()
		ctx = context.WithValue(ctx, mcpCallKey{}, mcpCall{ctx, credentialOf(r), &turns})
		r = r.WithContext(ctx)
		r.Body = io.NopCloser(bytes.NewReader(body))
		handler().ServeHTTP(w, r)
	})
}

// mcpHandler returns the handler with the servers of both roles. It is made for the first
// client, so that a supervisor without any does not pay for it.
func (d frontEnd) mcpHandler(service *supervisor.Service, answers map[*api.Operation]answer) http.Handler {
	serverOf := func(allowed func(*api.Operation) bool) *mcp.Server {
		return mcp.NewServer(mcp.Config{Backend: mcpBackend(answers), Version: service.Version(), Allowed: allowed, Logger: d.log})
	}
	viewer := serverOf(nil)
	operator := serverOf(func(op *api.Operation) bool { return op.Access != api.AccessAgent })
	return mcp.Handler(func(r *http.Request) *mcp.Server {
		switch role := roles.Role(d.tokens.get().session(r).Role); {
		case role.Covers(roles.Operator):
			return operator
		case role.Covers(roles.Viewer):
			return viewer
		}
		return nil // the token is no longer valid
	}, d.log)
}

type mcpCallKey struct{}

// mcpCall is the HTTP request that a tool call came with.
type mcpCall struct {
	ctx context.Context // ends with it
	who credential

	turns *turns // until the reply is sent
}

// turns are the turns that an HTTP request has taken. A reply stays in memory until it is
// sent, however slowly the client reads. Methods may be called concurrently.
type turns struct {
	mu   sync.Mutex
	done []func()
}

func (t *turns) keep(done func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.done = append(t.done, done)
}

func (t *turns) end() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, done := range t.done {
		done()
	}
}

// keepTurn keeps the turn of a tool call until the reply to its HTTP request is sent.
func keepTurn(ctx context.Context, done func()) {
	if call, ok := ctx.Value(mcpCallKey{}).(mcpCall); ok {
		call.turns.keep(done)
		return
	}
	done()
}

// mcpBackend answers with the methods of the service.
type mcpBackend map[*api.Operation]answer

// Ask implements [mcp.Backend].
func (b mcpBackend) Ask(ctx context.Context, op *api.Operation, request []byte) ([]byte, error) {
	call, ok := ctx.Value(mcpCallKey{}).(mcpCall)
	if ok { // the SDK's context does not end with the request
		var cancel context.CancelFunc
		ctx, cancel = context.WithCancel(ctx)
		defer cancel()
		defer context.AfterFunc(call.ctx, cancel)()
	}
	reply, err := b[op](ctx, call.who, request)
	if err != nil {
		return nil, err
	}
	return api.Encode(reply)
}
