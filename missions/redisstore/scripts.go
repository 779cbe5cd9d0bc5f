package redisstore

import (
	"context"
	"crypto/sha1" //nolint:gosec // what Redis names its scripts with; it protects nothing
	"embed"
	"encoding/hex"

	"github.com/redis/go-redis/v9"
)

//go:embed lua
var lua embed.FS

// script is a Lua script.
type script struct {
	name, source, sha string
	behind            *script // the same behind lua/checked.lua; nil if it cannot be
}

// checked returns the script behind lua/checked.lua.
func (s script) checked() script {
	if s.behind == nil {
		return s
	}
	return *s.behind
}

// reading returns a script that reads missions, in any partition.
func reading(s script) script {
	behind := newScript(s.name, read("checked.lua")+s.source)
	s.behind = &behind
	return s
}

// bare reads a script that uses nothing.
func bare(name string) script { return newScript(name, read(name+".lua")) }

func newScript(name, source string) script {
	sum := sha1.Sum([]byte(source)) //nolint:gosec // see the import
	return script{name: name, source: source, sha: hex.EncodeToString(sum[:])}
}

func read(name string) string {
	text, err := lua.ReadFile("lua/" + name)
	if err != nil {
		panic(err) // the files are part of the program
	}
	return string(text)
}

// once is a command that is not sent again behind our back: a script may have been
// done although its answer was lost.
type once struct{ *redis.Cmd }

// NoRetry tells the client so.
func (once) NoRetry() bool { return true }

// eval runs a script, which gets the meta hash of a partition as its key. Redis forgets scripts
// when it restarts; then the source is sent. The error is the client's own.
func eval(ctx context.Context, client redis.UniversalClient, meta string, s script, args []any) (any, error) {
	send := func(command, what string) (any, error) {
		words := make([]any, 0, 4+len(args))
		words = append(append(words, command, what, 1, meta), args...)
		cmd := once{redis.NewCmd(ctx, words...)}
		if err := client.Process(ctx, cmd); err != nil {
			return nil, err
		}
		return cmd.Result()
	}
	answer, err := send("EVALSHA", s.sha)
	if redis.HasErrorPrefix(err, "NOSCRIPT") {
		answer, err = send("EVAL", s.source)
	}
	return answer, err
}
