// Package mcp gives clients of the Model Context Protocol, such as coding agents, tools for
// missions: reading ones and changing ones, and those with which the client itself works on
// missions. The tools, with their schemas, are made of the table of operations and the
// documents of package api. It knows neither NATS nor the front ends: a [Backend] answers.
package mcp

import (
	"context"
	"errors"
	"io"
	"log/slog"

	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"missioncontrol/supervisor/api"
	"missioncontrol/supervisor/mcp/worker"
)

// Backend answers requests of the protocol. Its methods may be called concurrently.
type Backend interface {
	// Ask sends the JSON of an operation's request and returns the JSON of its reply. An
	// error that the client may see is of package api or missions; any other one is
	// passed on as a sentence.
	Ask(ctx context.Context, op *api.Operation, request []byte) (reply []byte, err error)
}

// Config says what a server offers.
type Config struct {
	Backend Backend
	Version string

	// Allowed says which operations the client may use; nil for all that read.
	Allowed func(*api.Operation) bool

	// Worker is the agent that the client is; nil for none.
	Worker *worker.Worker

	// Logger gets internal errors, and what the SDK logs at debug level.
	Logger *slog.Logger
}

// A Server serves any number of clients.
type Server struct{ sdk *sdk.Server }

// instructions tell a model what this is.
const instructions = `Mission Control gives missions (pieces of work) to agents. A mission is PENDING, RUNNING, COMPLETED, FAILED or CANCELLED. Times are Unix seconds. An error is a JSON object with a code, a message and, if a field is wrong, its name.`

// workerInstructions add to them.
const workerInstructions = `

You are an agent of Mission Control. claim_mission returns a mission that is yours until you call complete_mission, fail_mission, release_mission or ask_person about it. Its data says what to do; its checkpoint, signals and inputs say what happened in earlier turns. Report progress now and then: the replies have new signals, and an error says that the mission was cancelled or lost, in which case stop working on it. ask_person hands the mission back until a person has answered; then claim_mission returns it again, with the answer among its signals.`

// NewServer returns a server.
func NewServer(cfg Config) *Server {
	about := instructions
	if cfg.Worker != nil {
		about += workerInstructions
	}
	server := sdk.NewServer(&sdk.Implementation{Name: "mission-control", Title: "Mission Control", Version: cfg.Version}, &sdk.ServerOptions{
		Instructions: about, Logger: quieter(cfg.Logger),
		SetCacheable: func(_ context.Context, _ sdk.Request, c *sdk.Cacheable) { c.CacheScope = "private" }, // it depends on the role
		Capabilities: &sdk.ServerCapabilities{Tools: &sdk.ToolCapabilities{}, Resources: &sdk.ResourceCapabilities{}},
	})
	for i := range tools {
		if t := &tools[i]; cfg.allows(t.op) && (t.needs == nil || cfg.allows(t.needs)) {
			server.AddTool(t.definition(), cfg.handler(t))
		}
	}
	if cfg.Worker != nil {
		for i := range workerTools {
			server.AddTool(workerTools[i].definition(), cfg.workerHandler(&workerTools[i]))
		}
	}
	cfg.addResources(server)
	return &Server{server}
}

func (cfg *Config) allows(op *api.Operation) bool {
	if cfg.Allowed == nil {
		return op.Access == api.AccessRead
	}
	return cfg.Allowed(op)
}

// Operations returns the operations that tools use, without those of agents.
func Operations() (ops []*api.Operation) {
	for i := range tools {
		ops = append(ops, tools[i].op)
	}
	return ops
}

// quieter logs at debug level what the SDK reports, which includes every connection.
func quieter(log *slog.Logger) *slog.Logger {
	return slog.New(debugHandler{log.Handler()})
}

type debugHandler struct{ slog.Handler }

// Enabled implements [slog.Handler].
func (h debugHandler) Enabled(ctx context.Context, _ slog.Level) bool {
	return h.Handler.Enabled(ctx, slog.LevelDebug)
}

// Handle implements [slog.Handler].
func (h debugHandler) Handle(ctx context.Context, r slog.Record) error {
	r.Level = slog.LevelDebug
	return h.Handler.Handle(ctx, r)
}

// WithAttrs implements [slog.Handler].
func (h debugHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return debugHandler{h.Handler.WithAttrs(attrs)}
}

// WithGroup implements [slog.Handler].
func (h debugHandler) WithGroup(name string) slog.Handler {
	return debugHandler{h.Handler.WithGroup(name)}
}

// maxLine is the largest message of a client, in bytes: a request as a JSON string, and its envelope.
const maxLine = api.MaxBody + 1<<20

// Serve serves one client, line by line, until it closes in or ctx ends. Calls in progress end
// then. The error says that the client does not speak the protocol. A read of in that does not
// return outlives Serve.
func (s *Server) Serve(ctx context.Context, in io.Reader, out io.Writer) error {
	from, to := io.Pipe()
	go func() { // ends with in
		_, err := io.Copy(to, in)
		_ = to.CloseWithError(err) // never fails
	}()
	// The end of the input ends calls in progress; the end of a context would wait for them.
	defer context.AfterFunc(ctx, func() { _ = to.Close() })()
	err := s.sdk.Run(context.WithoutCancel(ctx), &sdk.IOTransport{Reader: from, Writer: nopCloser{out}, MaxLineLength: maxLine})
	if ctx.Err() != nil || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil
	}
	return err
}

type nopCloser struct{ io.Writer }

func (nopCloser) Close() error { return nil }
