package doctor

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"missioncontrol/cmd/supervisor/remote"
	"missioncontrol/cmd/supervisor/ui"
	"missioncontrol/supervisor/api"
)

func (d *doctor) askBroker(ctx context.Context) {
	nc := d.session.Conn
	rtt, err := nc.RTT()
	if err != nil {
		d.failed("broker", err)
		return
	}
	d.well("broker", "%s, nats-server %s, responds in %s", nc.ConnectedUrlRedacted(), nc.ConnectedServerVersion(), ui.FormatDuration(rtt))
	if most := nc.MaxPayload(); most < api.MaxBody {
		d.add("max_payload", warned, "messages can have at most "+ui.ByteSize(most)+": batches are smaller than necessary, and below 1.1 MiB, a mission whose data and result are at their limits does not fit",
			"set max_payload: 8MB in the broker's configuration")
	} else {
		d.well("max_payload", "%s", ui.ByteSize(most))
	}
}

// jetStream returns JetStream if this user may ask it.
func (d *doctor) jetStream(check, subject string) (jetstream.JetStream, bool) {
	if denied, _ := d.denied.Publish(subject); denied {
		d.add(check, unknown, "this user does not have permission to request it", "")
		return nil, false
	}
	js, err := jetstream.New(d.session.Conn)
	if err != nil {
		d.failed(check, err)
		return nil, false
	}
	return js, true
}

func (d *doctor) askJetStream(ctx context.Context) {
	js, may := d.jetStream("jetstream", "$JS.API.INFO")
	if !may {
		return
	}
	account, err := js.AccountInfo(ctx)
	switch {
	case errors.Is(err, jetstream.ErrJetStreamNotEnabled), errors.Is(err, jetstream.ErrJetStreamNotEnabledForAccount), errors.Is(err, nats.ErrNoResponders):
		d.add("jetstream", wrong, "the broker has no JetStream for this user: events about missions wait in the store, all others are dropped",
			"enable it (jetstream {} in the broker's configuration, and for the account), or use another broker")
	case err != nil:
		d.failed("jetstream", err)
	case account.Limits.MaxStore > 0 && float64(account.Store) > 0.9*float64(account.Limits.MaxStore):
		d.add("jetstream", warned, ui.ByteSize(int64(account.Store))+" of "+ui.ByteSize(account.Limits.MaxStore)+" are in use",
			"raise the account's limit, or keep events for a shorter time: nats stream edit EVENTS --max-age 3d")
	case account.Limits.MaxConsumers > 0 && account.Consumers >= account.Limits.MaxConsumers:
		d.add("jetstream", wrong, fmt.Sprintf("the account has reached its limit of %s: live pages, queries and new consumers are refused", ui.Plural(account.Limits.MaxConsumers, "consumer", "consumers")),
			"raise the account's limit, or remove unused consumers: nats consumer rm STREAM")
	default:
		d.well("jetstream", "%s in %s", ui.ByteSize(int64(account.Store)), ui.Plural(account.Streams, "stream", "streams"))
	}
}

// askForeignStreams looks for streams that would answer in place of the supervisor.
func (d *doctor) askForeignStreams(ctx context.Context) {
	js, may := d.jetStream("foreign_streams", "$JS.API.STREAM.NAMES")
	if !may {
		return
	}
	if err := d.denied.Try(ctx, d.session.Conn, "$JS.API.STREAM.NAMES", nil); errors.Is(err, remote.ErrDenied) {
		d.failed("foreign_streams", err)
		return
	} else if errors.Is(err, nats.ErrNoResponders) {
		d.well("foreign_streams", "none, because there is no JetStream")
		return
	}
	lister := js.StreamNames(ctx, jetstream.WithStreamListSubject(api.SubjectAll))
	var names []string
	for name := range lister.Name() {
		names = append(names, name)
	}
	switch {
	case lister.Err() != nil:
		d.failed("foreign_streams", lister.Err())
	case len(names) > 0:
		d.add("foreign_streams", wrong, "the streams "+strings.Join(names, ", ")+" cover subjects of "+api.SubjectAll+", so JetStream answers requests instead of the supervisor",
			"remove these subjects from them: nats stream edit "+names[0]+" --subjects SUBJECTS, or delete the streams")
	default:
		d.well("foreign_streams", "no stream covers subjects of %s", api.SubjectAll)
	}
}
