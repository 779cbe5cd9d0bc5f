package agentcheck

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"missioncontrol/supervisor/api"
)

// httpTransport is an HTTP server on which the script answers the requests of one agent.
type httpTransport struct {
	script *script
	token  string // what the agent must send; "" for nothing
	addr   string
	ctx    context.Context
	cancel context.CancelFunc

	mu      sync.Mutex
	server  *http.Server
	serving chan struct{}            // closed when server has ended
	streams map[chan []byte]struct{} // open streams of commands
	opened  int                      // streams so far
}

// commandsVerb is the last segment of the path of the stream of commands.
const commandsVerb = "commands"

func newHTTP(ctx context.Context, s *script, token string) (*httpTransport, error) {
	h := &httpTransport{script: s, token: token, streams: map[chan []byte]struct{}{}}
	h.ctx, h.cancel = context.WithCancel(context.WithoutCancel(ctx))
	if err := h.start(ctx, "127.0.0.1:0"); err != nil {
		h.cancel()
		return nil, err
	}
	return h, nil
}

func (h *httpTransport) start(ctx context.Context, addr string) error {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", addr)
	if err != nil {
		return fmt.Errorf("listen for HTTP requests: %w", err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/agents/{agent}/"+commandsVerb, h.guarded(h.serveCommands))
	mux.HandleFunc("POST /api/agents/{agent}/{verb}", h.guarded(h.serveRequest))
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		writeError(w, refuse(api.ErrNotFound, "there is nothing at %s %s", r.Method, r.URL.Path).refusal)
	})
	server := &http.Server{Handler: mux, ReadHeaderTimeout: time.Minute, BaseContext: func(net.Listener) context.Context { return h.ctx }}
	serving := make(chan struct{})
	h.mu.Lock()
	defer h.mu.Unlock()
	h.addr, h.server, h.serving = listener.Addr().String(), server, serving
	go func() {
		defer close(serving)
		_ = server.Serve(listener) // ends with the server
	}()
	return nil
}

// guarded lets only the agent under test in.
func (h *httpTransport) guarded(serve http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.PathValue("agent") != h.script.agentID:
			writeError(w, refuse(api.ErrNotFound, "there is no agent %q", r.PathValue("agent")).refusal)
		case h.token != "" && bearer(r) != h.token:
			h.script.do(func() { h.script.unauthorized++ })
			writeError(w, &api.Error{Code: api.CodeUnauthorized, Message: "the token is missing or unknown"})
		default:
			serve(w, r)
		}
	}
}

func bearer(r *http.Request) string {
	token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	return token
}

func (h *httpTransport) serveRequest(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, api.MaxBody))
	if err != nil {
		return // the agent has gone, or sends without end
	}
	answer := h.script.answer(r.Context(), h.script.arrive(r.PathValue("verb"), body, bearer(r)))
	switch {
	case answer.none():
		panic(http.ErrAbortHandler) // closes the connection without an answer
	case answer.refusal != nil:
		writeError(w, answer.refusal)
	default:
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(answer.body) // the agent may have gone
	}
}

func writeError(w http.ResponseWriter, refusal *api.Error) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(refusal.Status())
	_, _ = w.Write(reply{refusal: refusal}.item()) // the agent may have gone
}

// stillHere is how long a stream of commands is silent.
const stillHere = 5 * time.Second

func (h *httpTransport) serveCommands(w http.ResponseWriter, r *http.Request) {
	known, silent := false, false
	h.script.do(func() { known, silent = h.script.known, h.script.silent })
	switch {
	case silent:
		panic(http.ErrAbortHandler)
	case !known:
		writeError(w, refuse(api.ErrNotFound, "there is no agent %q", h.script.agentID).refusal)
		return
	}
	commands := h.open()
	defer h.end(commands)
	w.Header().Set("Content-Type", "text/event-stream")
	out := http.NewResponseController(w)
	ticker := time.NewTicker(stillHere)
	defer ticker.Stop()
	for text := []byte("event: ready\ndata: {}\n\n"); ; {
		if _, err := w.Write(text); err != nil || out.Flush() != nil {
			return
		}
		select {
		case command, open := <-commands:
			if !open {
				panic(http.ErrAbortHandler)
			}
			text = fmt.Appendf(nil, "event: command\ndata: %s\n\n", command)
		case <-ticker.C:
			text = []byte(": still here\n\n")
		case <-r.Context().Done():
			return
		}
	}
}

// open adds a stream of commands. The returned channel is closed to cut it.
func (h *httpTransport) open() chan []byte {
	h.mu.Lock()
	commands := make(chan []byte, 16)
	h.streams[commands] = struct{}{}
	h.opened++
	h.mu.Unlock()
	h.script.do(func() {}) // who waits for a stream looks again
	return commands
}

func (h *httpTransport) end(commands chan []byte) {
	h.mu.Lock()
	delete(h.streams, commands)
	h.mu.Unlock()
	h.script.do(func() {})
}

// cut ends all streams of commands.
func (h *httpTransport) cut() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for commands := range h.streams {
		delete(h.streams, commands)
		close(commands)
	}
}

// streamed returns how many streams of commands are open, and how many there were.
func (h *httpTransport) streamed() (open, opened int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.streams), h.opened
}

func (h *httpTransport) url() string { return "http://" + h.addr }

func (h *httpTransport) push(command map[string]any) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for commands := range h.streams {
		select {
		case commands <- encoded(command):
		default: // it reads slowly: the command is lost
		}
	}
}

func (h *httpTransport) listens(context.Context) (bool, error) {
	open, _ := h.streamed()
	return open > 0, nil
}

func (h *httpTransport) away(ctx context.Context, pause time.Duration) error {
	h.stop()
	if err := sleep(ctx, pause); err != nil {
		return err
	}
	return h.start(ctx, h.addr)
}

// stop closes all connections.
func (h *httpTransport) stop() {
	h.mu.Lock()
	server, serving := h.server, h.serving
	h.mu.Unlock()
	_ = server.Close() // closes what it can
	<-serving
}

func (h *httpTransport) close() {
	h.cancel()
	h.stop()
}
