package redisstore

import (
	"context"
	"crypto/sha1" //nolint:gosec // what Redis names its scripts with; it protects nothing
	"embed"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"

	"missioncontrol/missions"
)

//go:embed lua
var lua embed.FS

// script is one Lua script with what it uses of lua/lib.
type script struct{ name, source, sha string }

// scripts are the methods, each in the file of its name.
var scripts = struct {
	usable, init, ping, checkWrite, now      script
	lead, resign                             script
	create, createAndClaim, nextSeq          script
	get, list, log                           script
	cancel, retry, delete                    script
	claim, peek, progress, appendLog, finish script
	register, heartbeat, leave, lost         script
	listAgents, running                      script
	counts, stats, due, ended, retain        script
	sample, history, unserved                script
	alerts, changeAlerts, notices, noticed   script
	pending, acknowledge, acknowledged       script
	forget, waiting                          script
}{
	usable: bare("usable"), init: bare("init"), ping: load("ping"), checkWrite: load("check_write"), now: load("now"), lead: load("lead"), resign: load("resign"),
	create: load("create"), createAndClaim: load("create_and_claim"), nextSeq: load("next_seq"), get: load("get"), list: load("list"), log: load("log"),
	cancel: load("cancel"), retry: load("retry"), delete: load("delete"),
	claim: load("claim"), peek: load("peek"), progress: load("progress"), appendLog: load("append_log"), finish: load("finish"),
	register: load("register"), heartbeat: load("heartbeat"), leave: load("leave"), lost: load("lost"),
	listAgents: load("list_agents"), running: load("running"),
	counts: load("counts"), stats: load("stats"), due: load("due"), ended: load("ended"), retain: load("retain"),
	sample: load("sample"), history: load("history"), unserved: load("unserved"),
	alerts: load("alerts"), changeAlerts: load("change_alerts"), notices: load("notices"), noticed: load("noticed"),
	pending: load("pending"), acknowledge: load("acknowledge"), acknowledged: load("acknowledged"), forget: load("forget"), waiting: load("waiting"),
}

// load reads a script. Its first line may say "-- uses: tally mission": the parts
// of lua/lib that it is put behind.
func load(name string) script {
	body := read(name + ".lua")
	parts := []string{read("lib/begin.lua")}
	first, _, _ := strings.Cut(body, "\n")
	if uses, ok := strings.CutPrefix(first, "-- uses: "); ok {
		for _, part := range strings.Fields(uses) {
			if part == "mission" {
				parts = append(parts, stateMachine())
			}
			parts = append(parts, read("lib/"+part+".lua"))
		}
	}
	return newScript(name, strings.Join(append(parts, body), "\n"))
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

// stateMachine writes missions' state machine as the Lua table NEXT: from a status, by its
// place in missions.Statuses(), and a trigger to a status.
func stateMachine() string {
	var table strings.Builder
	table.WriteString("local NEXT = {")
	for from, status := range missions.Statuses() {
		fmt.Fprintf(&table, "[%d] = {", from)
		for _, trigger := range missions.Triggers() {
			if next, err := status.Next(trigger); err == nil {
				fmt.Fprintf(&table, "['%s'] = %d, ", trigger, next.Index())
			}
		}
		table.WriteString("}, ")
	}
	table.WriteString("}")
	return table.String()
}

// once is a command that is not sent again behind our back: a script may have been
// done although its answer was lost.
type once struct{ *redis.Cmd }

// NoRetry tells the client so.
func (once) NoRetry() bool { return true }

// do runs a script in the partition. The error is the client's own.
func (p *oldPartition) do(ctx context.Context, s script, args ...any) (any, error) {
	return eval(ctx, p.store.client, p.meta, s, args)
}

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

// first is the argument that lua/lib/begin.lua reads.
func (p *oldPartition) first() string {
	return strconv.FormatInt(p.store.cfg.Ahead().Microseconds(), 10) + " " + p.Identity()
}

// call runs a script of the data set and returns what a caller may know of an error.
func (p *oldPartition) call(ctx context.Context, s script, args ...any) (any, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := p.allowedAgain(ctx); err != nil {
		return nil, p.store.failed(ctx, s.name, err)
	}
	words := append([]any{p.first()}, args...)
	answer, err := p.do(ctx, s, words...)
	if redis.HasErrorPrefix(err, "NODATASET") {
		if err = p.begunAnew(ctx); err == nil {
			words[0] = p.first()
			answer, err = p.do(ctx, s, words...)
		}
	}
	if err != nil {
		return nil, p.store.failed(ctx, s.name, p.explain(ctx, err))
	}
	p.store.works()
	return answer, nil
}
