package redisstore

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/redis/go-redis/v9"
)

// denial is what the Redis user may not do. It is an [ErrForbidden].
type denial struct {
	user     string
	keys     string   // the pattern of the data set's keys, where they may not be used
	commands []string // that may not be run
}

// Error says what is missing and the command that allows it.
func (d *denial) Error() string {
	var lacks, allow []string
	if len(d.commands) > 0 {
		lacks = append(lacks, "run "+strings.ToUpper(strings.Join(d.commands, ", ")))
	}
	for _, command := range d.commands {
		allow = append(allow, "+"+strings.ToLower(command))
	}
	if d.keys != "" {
		lacks, allow = append(lacks, "read and write the keys "+d.keys), append(allow, "~"+d.keys)
	}
	return fmt.Sprintf("%v: user %s may not %s; allow it with: ACL SETUSER %s %s",
		ErrForbidden, d.user, strings.Join(lacks, ", nor "), d.user, strings.Join(allow, " "))
}

// Is says that a denial is an [ErrForbidden].
func (d *denial) Is(target error) bool { return target == ErrForbidden }

// denies makes a denial of commands.
func (l *Location) denies(commands ...string) *denial {
	d := &denial{user: l.user, commands: commands}
	if d.user == "" {
		d.user = "default"
	}
	return d
}

// keyPattern is the ACL pattern of the keys of all partitions.
func (l *Location) keyPattern() string { return "{" + l.prefix + ":*" }

var (
	deniedCommand  = regexp.MustCompile(`permissions? to run the '([^' ]+)' command`)
	unknownCommand = regexp.MustCompile(`^ERR unknown command ['` + "`" + `]([^'` + "`" + ` ]*)`)
)

// explain makes an error in which Redis says a command or key may not be used into one
// that says what to do, and returns any other as it is. Redis quotes the arguments of a
// command that it does not know, passwords too: they are left out.
func (l *Location) explain(err error) error {
	var reply redis.Error
	if !errors.As(err, &reply) {
		return err
	}
	said := reply.Error()
	if name := unknownCommand.FindStringSubmatch(said); name != nil {
		return unknown(name[1])
	}
	if !strings.HasPrefix(said, "NOPERM") {
		return err
	}
	if name := deniedCommand.FindStringSubmatch(said); name != nil {
		d := l.denies(name[1])
		if strings.HasPrefix(name[1], "sentinel") {
			d.user = l.sentinelUser
		}
		return d
	}
	d := l.denies()
	d.keys = l.keyPattern()
	return d
}

// unknown says that Redis lacks commands, or hides them.
func unknown(commands ...string) error {
	return fmt.Errorf("%w: it has no command %s, which the store needs; see rename-command in its configuration",
		ErrUnsuitable, strings.ToUpper(strings.Join(commands, ", ")))
}

// permissions are what the user of a store may do with the keys of a partition.
type permissions struct {
	where  *Location
	client redis.UniversalClient
	meta   string              // the partition's meta hash
	keys   map[string][]string // how keys are read, and which, or what they begin with
	denied atomic.Bool         // the user may not do everything
}

// usable tries whether the scripts can do all that they do, before one of them is denied
// a command halfway. It is always sent as a text, as every script is once Redis has
// forgotten it. The error is the client's own, a denial, an [ErrUnsuitable] or an [ErrForeign].
func (p *permissions) usable(ctx context.Context) error {
	words := []any{"EVAL", scripts.usable.source, 1, p.meta}
	for command, names := range p.keys {
		for _, name := range names {
			words = append(words, command, name)
		}
	}
	cmd := once{redis.NewCmd(ctx, words...)}
	if err := p.client.Process(ctx, cmd); err != nil {
		return err
	}
	answer, err := cmd.Result()
	if err != nil {
		return err
	}
	lacks := map[string][]string{}
	said := texts(answer)
	for i := 0; i+1 < len(said); i += 2 {
		lacks[said[i]] = append(lacks[said[i]], said[i+1])
	}
	return p.where.lacking(lacks)
}

// lacking makes an error of what usable.lua answers.
func (l *Location) lacking(lacks map[string][]string) error {
	d := l.denies(lacks["command"]...)
	if len(lacks["key"]) > 0 {
		d.keys = l.keyPattern()
	}
	switch {
	case len(d.commands) > 0 || d.keys != "":
		return d
	case len(lacks["unknown"]) > 0:
		return unknown(lacks["unknown"]...)
	case len(lacks["foreign"]) > 0:
		return foreign(slices.Min(lacks["foreign"]), "holds a value of another type")
	}
	return nil
}

// foreign says that a key of the data set is not ours.
func foreign(key, because string) error {
	return fmt.Errorf("%w: %s %s; choose another name with prefix= in the URL, or remove the key", ErrForeign, key, because)
}

// deniedHalfway reports whether Redis denied something that a script did: in the words of
// 7.0, or of later ones and Valkey.
func deniedHalfway(reply redis.Error) bool {
	return strings.HasPrefix(reply.Error(), "ERR The user executing the script can't") ||
		strings.HasPrefix(reply.Error(), "ERR ACL failure in script")
}

// halfway is a denial that a script met after it had begun. Redis does not undo what the
// script had changed by then.
type halfway struct{ *denial }

// Unwrap makes it a denial.
func (h halfway) Unwrap() error { return h.denial }

// explain says what a user lacks whose permissions were changed while the store is open.
// From then on, nothing is begun in this partition until all is allowed again.
func (p *permissions) explain(ctx context.Context, err error) error {
	var reply redis.Error
	if !errors.As(err, &reply) {
		return err
	}
	if !deniedHalfway(reply) {
		err = p.where.explain(err)
		p.denied.Store(p.denied.Load() || errors.Is(err, ErrForbidden))
		return err
	}
	p.denied.Store(true)
	var lacks *denial
	if errors.As(p.usable(ctx), &lacks) {
		return halfway{lacks}
	}
	return err
}

// allowedAgain tries whether the user may do everything, if once it could not.
func (p *permissions) allowedAgain(ctx context.Context) error {
	if !p.denied.Load() {
		return nil
	}
	err := p.usable(ctx)
	if err == nil {
		p.denied.Store(false)
	}
	return p.where.explain(err)
}
