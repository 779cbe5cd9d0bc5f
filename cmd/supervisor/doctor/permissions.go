package doctor

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"sync"

	"github.com/nats-io/nats.go"

	"missioncontrol/cmd/supervisor/remote"
	"missioncontrol/eventstream"
	"missioncontrol/supervisor/api"
	"missioncontrol/supervisor/roles"
)

// refusable is a request that every endpoint rejects: no request has such a field.
const refusable = `{"is_this_allowed":true}`

// readingStream lists some of the subjects needed to read the event stream. These
// endpoints reject refusable as a mistake, too.
var readingStream = []string{
	"$JS.API.INFO", "$JS.API.STREAM.INFO." + eventstream.DefaultStreamName, "$JS.API.CONSUMER.CREATE." + eventstream.DefaultStreamName,
}

// requestsOf returns the requests to a supervisor that a role may send.
func requestsOf(role roles.Role) []string {
	return slices.DeleteFunc(role.Permissions("").Publish, func(subject string) bool { return !strings.HasPrefix(subject, "supervisor.") })
}

// permissions is what a user turned out to be allowed to do.
type permissions struct {
	denied  []string // subjects
	unclear []string // neither denied nor answered
}

// tryAll tries all subjects concurrently.
func (d *doctor) tryAll(ctx context.Context, subjects []string) (found permissions) {
	var mu sync.Mutex // guards found
	var tries sync.WaitGroup
	for _, subject := range subjects {
		tries.Go(func() {
			err := d.denied.Try(ctx, d.session.Conn, subject, []byte(refusable))
			mu.Lock()
			defer mu.Unlock()
			switch {
			case errors.Is(err, remote.ErrDenied):
				found.denied = append(found.denied, subject)
			case err != nil && !errors.Is(err, nats.ErrNoResponders):
				found.unclear = append(found.unclear, subject)
			}
		})
	}
	tries.Wait()
	slices.Sort(found.denied)
	slices.Sort(found.unclear)
	return found
}

// listen checks a subject that the user must be able to subscribe to.
func (d *doctor) listen(ctx context.Context, found *permissions, subject string) {
	switch allowed, err := remote.CanSubscribe(ctx, d.session.Conn, subject); {
	case err != nil:
		found.unclear = append(found.unclear, subject)
	case !allowed:
		found.denied = append(found.denied, subject)
	}
}

// askPermissions finds out what this user may do.
func (d *doctor) askPermissions(ctx context.Context) {
	if d.agent != "" {
		d.askAgentPermissions(ctx)
		return
	}
	viewing := append(requestsOf(roles.Viewer), readingStream...)
	steering := slices.DeleteFunc(requestsOf(roles.Operator), func(subject string) bool { return slices.Contains(viewing, subject) })
	look := d.tryAll(ctx, viewing)
	d.listen(ctx, &look, eventstream.SubjectAll)
	if d.noReplies() {
		d.sayNoReplies()
		return
	}
	steer := d.tryAll(ctx, steering)
	if unclear := slices.Concat(look.unclear, steer.unclear); len(unclear) > 0 {
		d.add("permissions", warned, "no reply and no denial: "+strings.Join(unclear, ", "), "try again; the supervisor may be busy")
	}
	lacks := look.denied
	if d.role == roles.Operator {
		lacks = slices.Concat(lacks, steer.denied)
	}
	switch {
	case len(lacks) > 0:
		d.missing(lacks, "supervisor auth add "+string(cmp.Or(d.role, roles.Viewer))+" NAME")
	case len(steer.denied) == 0:
		d.well("permissions", "everything an operator may do: read, follow events, create, cancel, retry and delete missions")
	case len(steer.denied) == len(steering):
		d.well("permissions", "everything a viewer may do: read, and follow events")
	default:
		d.well("permissions", "everything a viewer may do, and everything an operator may do except %s", strings.Join(steer.denied, ", "))
	}
}

func (d *doctor) askAgentPermissions(ctx context.Context) {
	var subjects []string
	for _, op := range api.Operations() {
		if op.Access == api.AccessAgent && op.Subject != "" {
			subjects = append(subjects, strings.ReplaceAll(op.Subject, "*", d.agent))
		}
	}
	found := d.tryAll(ctx, subjects)
	d.listen(ctx, &found, api.CommandsSubject(d.agent))
	switch {
	case d.noReplies():
		d.sayNoReplies()
	case len(found.denied) > 0:
		d.missing(found.denied, "supervisor auth add agent "+d.agent)
	case len(found.unclear) > 0:
		d.add("permissions", warned, "no reply and no denial: "+strings.Join(found.unclear, ", "), "try again; the supervisor may be busy")
	default:
		d.well("permissions", "everything that the agent %s needs", d.agent)
	}
}

// inbox returns the subject on which replies arrive.
func (d *doctor) inbox() string {
	one := d.session.Conn.NewRespInbox()
	return one[:strings.LastIndex(one, ".")] + ".*"
}

// noReplies reports whether the user cannot receive replies. Then there is no way to tell
// what it may do.
func (d *doctor) noReplies() bool {
	denied, _ := d.denied.Is("Subscription " + d.inbox())
	return denied
}

func (d *doctor) sayNoReplies() {
	d.add("permissions", wrong, "this user may not receive replies on "+d.inbox(),
		"set --inbox-prefix to the subject below which this user may subscribe; for an agent, it is _INBOX.ID")
}

// missing reports permissions that the user lacks.
func (d *doctor) missing(denied []string, command string) {
	d.add("permissions", wrong, "this user may not use "+strings.Join(denied, ", "),
		"allow it (docs/OPERATIONS.md lists the subjects of each role), or create a user with: "+command)
}
