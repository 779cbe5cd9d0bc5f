package redisstore_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"missioncontrol/missions"
	"missioncontrol/missions/redisstore"
	"missioncontrol/missions/redisstore/redistest"
)

// documented returns the rules of the ACL that docs/OPERATIONS.md names for a kind of Redis.
func documented(t *testing.T, which string) []string {
	t.Helper()
	text, err := os.ReadFile("../../docs/OPERATIONS.md")
	must(t, err)
	_, rest, found := strings.Cut(string(text), "    # "+which+"\n")
	line, _, _ := strings.Cut(strings.TrimLeft(strings.ReplaceAll(rest, "\\\n", ""), " "), "\n")
	words := strings.Fields(strings.ReplaceAll(line, "'", ""))
	if !found || !strings.HasPrefix(strings.Join(words, " "), "redis-cli ACL SETUSER mc ") {
		t.Fatalf("docs/OPERATIONS.md does not say what %s needs", which)
	}
	return words[4:]
}

// user makes a user with these rules, and no others.
func user(t *testing.T, server *redistest.Server, name string, rules ...string) {
	t.Helper()
	words := []any{"ACL", "SETUSER", name}
	for _, rule := range rules {
		words = append(words, rule)
	}
	must(t, server.Client().Do(t.Context(), words...).Err())
}

func as(name string, server *redistest.Server) string {
	return "redis://" + name + ":PASSWORD@" + server.Addr
}

// prefixed are the rules for another data set than that with the default prefix.
func prefixed(rules []string, prefix string) []string {
	return strings.Fields(strings.ReplaceAll(strings.Join(rules, " "), "~{mc:", "~{"+prefix+":"))
}

// Rules that only a Redis Cluster needs are missed there.
func TestWhatAClusterNeedsIsNamed(t *testing.T) {
	t.Parallel()
	cluster := redistest.StartCluster(t, 1)
	for _, rule := range []string{"cluster|slots", "xadd"} {
		name := "without-" + strings.ReplaceAll(rule, "|", "-")
		rules := slices.DeleteFunc(documented(t, "a Redis Cluster"), func(r string) bool { return r == "+"+rule })
		user(t, cluster.Nodes[0], name, rules...)
		url := strings.Replace(cluster.URL(), "://", "://"+name+":PASSWORD@", 1)
		wantOpenError(t, redisstore.Config{URL: url}, redisstore.ErrForbidden, "allow it with: ACL SETUSER "+name+" +"+rule)
	}
}

// Master, replica and Sentinels have users who may do what is documented, and no more.
func TestTheDocumentedUsersOutliveAFailover(t *testing.T) {
	t.Parallel()
	watched := redistest.StartSentinel(t)
	url := watched.URL()
	for _, server := range []*redistest.Server{watched.Master, watched.Replica} {
		user(t, server, "mc", documented(t, "one Redis")...)
	}
	list := strings.TrimSuffix(strings.TrimPrefix(url, "redis-sentinel://"), "/"+redistest.MasterName)
	for addr := range strings.SplitSeq(list, ",") {
		watcher := redis.NewClient(&redis.Options{Addr: addr})
		for _, words := range [][]any{{"mc"}, {"default", "off"}} {
			if words[0] == "mc" {
				for _, rule := range documented(t, "a Sentinel") {
					words = append(words, rule)
				}
			}
			must(t, watcher.Do(t.Context(), append([]any{"ACL", "SETUSER"}, words...)...).Err())
		}
		must(t, watcher.Close())
	}
	url = strings.Replace(url, "://", "://mc:PASSWORD@", 1)
	wantOpenError(t, redisstore.Config{URL: url}, redisstore.ErrUnreachable, "")
	s := mustOpen(t, redisstore.Config{URL: url + "?sentinel_user=mc&sentinel_password=PASSWORD", Timeout: time.Second})
	create(t, s, "before")
	must(t, watched.Master.Client().Wait(t.Context(), 1, 10*time.Second).Err())
	watched.Master.Kill()
	watched.AwaitPromotion(t)
	recovered(t, s)
	create(t, s, "after")
}

// What stands in docs/OPERATIONS.md is no more than it takes: without any one rule the
// store does not open, says which it is, and opens when told so.
func TestEachDocumentedRuleIsNeeded(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, "--appendfsync", "no")
	rules := documented(t, "one Redis")
	for i, rule := range rules {
		if rule[0] != '+' && rule[0] != '~' {
			continue
		}
		name := "without-" + strings.Trim(rule, "+~{:*")
		user(t, server, name, slices.Delete(slices.Clone(rules), i, i+1)...)
		want := "user " + name + " may not run " + strings.ToUpper(rule[1:]) + "; allow it with: ACL SETUSER " + name + " " + rule
		if rule[0] == '~' {
			want = "user " + name + " may not read and write the keys {mc:*; allow it with: ACL SETUSER " + name + " " + rule
		}
		wantOpenError(t, redisstore.Config{URL: as(name, server)}, redisstore.ErrForbidden, want)
		for range 3 { // EVALSHA comes to light after EVAL, say
			if err := follow(t, server, name); err == nil {
				break
			}
		}
		mustOpen(t, redisstore.Config{URL: as(name, server)})
	}
}

var advice = regexp.MustCompile(`allow it with: ACL SETUSER (\S+) (.*)$`)

// follow opens a store, and does what the error says.
func follow(t *testing.T, server *redistest.Server, name string) error {
	t.Helper()
	s, err := redisstore.Open(t.Context(), redisstore.Config{URL: as(name, server), Logger: silent()})
	if err == nil {
		return s.Close()
	}
	found := advice.FindStringSubmatch(err.Error())
	if found == nil || found[1] != name {
		t.Fatalf("the error does not say what to do: %v", err)
	}
	user(t, server, name, strings.Fields(found[2])...)
	return err
}

// A user without any rights is helped to all of them by what the errors say.
func TestTheErrorsLeadToAWorkingUser(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, "--appendfsync", "no")
	user(t, server, "mc", "reset", "on", ">PASSWORD")
	for range 10 {
		if follow(t, server, "mc") == nil {
			return
		}
	}
	t.Error("the advice does not end")
}

func TestOpenNamesWhatAUserMayNotDo(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, "--appendfsync", "no")
	for name, rules := range map[string][]string{
		"other-keys":   {"+@all", "~mc:*"},
		"read-only":    {"+@all", "%R~{mc:*"},
		"write-only":   {"+@all", "%W~{mc:*"},
		"no-keys":      {"+@all"},
		"some-keys":    {"+@all", "~{mc:0}:meta"},
		"one-missing":  {"+@all", "~{mc:0}:[^o]*"},
		"no-writing":   {"+@all", "~*", "-@write"},
		"no-scripting": {"+@all", "~*", "-@scripting"},
		"no-info":      {"+@all", "~*", "-info"},
		"nothing":      {},
	} {
		user(t, server, name, append([]string{"reset", "on", ">PASSWORD"}, rules...)...)
		wantOpenError(t, redisstore.Config{URL: as(name, server)}, redisstore.ErrForbidden, "allow it with: ACL SETUSER "+name+" ")
	}
	user(t, server, "db", documented(t, "one Redis")...)
	wantOpenError(t, redisstore.Config{URL: as("db", server) + "/1"}, redisstore.ErrForbidden, "ACL SETUSER db +select")
	user(t, server, "db", "+select")
	mustOpen(t, redisstore.Config{URL: as("db", server) + "/1"})
	must(t, server.Client().Do(t.Context(), "ACL", "SETUSER", "default", "-hset").Err())
	wantOpenError(t, redisstore.Config{URL: server.URL()}, redisstore.ErrForbidden, "ACL SETUSER default +hset")
}

// Redis quotes what a command that it does not know was given.
func TestARenamedCommandIsNamed(t *testing.T) {
	t.Parallel()
	for command, want := range map[string]string{"XADD": "no command XADD", "EVAL": "no command EVAL", "INFO": "no command INFO"} {
		server := redistest.Start(t, "--rename-command", command, "hidden")
		wantOpenError(t, redisstore.Config{URL: server.URL()}, redisstore.ErrUnsuitable, want)
	}
	server := redistest.Start(t, "--requirepass", "PASSWORD", "--rename-command", "AUTH", "hidden", "--rename-command", "HELLO", "gone")
	_, err := redisstore.Open(t.Context(), redisstore.Config{URL: "redis://:PASSWORD@" + server.Addr, Logger: silent()})
	if !errors.Is(err, redisstore.ErrUnsuitable) || strings.Contains(err.Error(), "PASSWORD") {
		t.Errorf("error is %v, want one that does not hold the password", err)
	}
}

// A running store whose user is denied something says what, begins nothing until it is
// allowed again, and goes on then. A step that is denied as a whole has changed nothing.
func TestPermissionsThatAreTakenAwayWhileItRuns(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, "--appendfsync", "no")
	whole := map[string]bool{"-xadd": false, "-zadd": false, "-evalsha": true, "-eval -evalsha": true, "-time": true, "resetkeys": true, "-@write": true, "-@all": true}
	for taken, whole := range whole {
		prefix := newPrefix()
		name, rules := "u-"+prefix, prefixed(documented(t, "one Redis"), prefix)
		user(t, server, name, rules...)
		var log bytes.Buffer
		s := mustOpen(t, redisstore.Config{URL: as(name, server) + "?prefix=" + prefix, Logger: slog.New(slog.NewTextHandler(&log, nil))})
		create(t, s, "before")
		user(t, server, name, strings.Fields(taken)...)
		_, err := tryCreate(s, "during")
		wantUnavailable(t, err, "lacks permissions in Redis")
		_, err = tryCreate(s, "later")
		wantUnavailable(t, err, "Redis denies the supervisor a permission; nothing was done")
		advised := "ACL SETUSER " + name + " "
		wantUnavailable(t, s.Ping(t.Context()), advised)
		if !strings.Contains(log.String(), advised) || strings.Contains(log.String(), "works again") || strings.Contains(log.String(), "PASSWORD") {
			t.Errorf("%s: the log says %s", taken, log.String())
		}
		user(t, server, name, rules...)
		recovered(t, s)
		for id, stored := range map[string]bool{"before": true, "during": !whole, "later": false} {
			if _, err := s.Get(t.Context(), id); errors.Is(err, missions.ErrNotFound) == stored {
				t.Errorf("%s: %s is stored: %t, want %t (%v)", taken, id, !stored, stored, err)
			}
		}
		create(t, s, "after")
	}
}

// A user that is gone, or has another password, is a store that rejects the sign-in.
func TestAUserThatIsTakenAwayWhileItRuns(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, "--appendfsync", "no")
	rules := documented(t, "one Redis")
	user(t, server, "mc", rules...)
	s := mustOpen(t, redisstore.Config{URL: as("mc", server)})
	create(t, s, "before")
	must(t, server.Client().Do(t.Context(), "ACL", "DELUSER", "mc").Err())
	_ = s.Ping(t.Context()) // uses up the connection that Redis has closed
	_, err := tryCreate(s, "during")
	wantUnavailable(t, err, "nothing was done")
	user(t, server, "mc", rules...)
	recovered(t, s)
	if _, err := s.Get(context.Background(), "during"); !errors.Is(err, missions.ErrNotFound) {
		t.Errorf("a mission that was refused: %v", err)
	}
}
