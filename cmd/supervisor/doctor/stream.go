package doctor

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"missioncontrol/cmd/supervisor/remote"
	"missioncontrol/cmd/supervisor/ui"
	"missioncontrol/eventstream"
)

// askEventStream checks the event stream and its settings.
func (d *doctor) askEventStream(ctx context.Context) {
	if _, may := d.jetStream("stream", "$JS.API.STREAM.INFO."+eventstream.DefaultStreamName); !may {
		return
	}
	stream, err := remote.OpenEvents(ctx, d.session.Conn)
	if err != nil {
		d.add("stream", wrong, remote.ErrorText(err), "start a supervisor that may make it; its health says what keeps it from that")
		return
	}
	info := stream.CachedInfo()
	d.well("stream", "%s: %s, %s", info.Config.Name, ui.Plural(info.State.Msgs, "event", "events"), ui.ByteSize(int64(info.State.Bytes)))
	d.streamSettings(&info.Config)
	d.streamCopies(info)
	d.streamConsumers(info)
}

// streamConsumers reports a stream that may have no more consumers: nobody new can read it.
func (d *doctor) streamConsumers(info *jetstream.StreamInfo) {
	if most := info.Config.MaxConsumers; most > 0 && info.State.Consumers >= most {
		d.add("stream_consumers", wrong, fmt.Sprintf("%s may have %s and has them: live pages, queries and new consumers are refused", info.Config.Name, ui.Plural(most, "consumer", "consumers")),
			"remove those that nobody needs: nats consumer rm "+info.Config.Name)
	}
}

// streamSettings compares the stream's settings with what events need.
func (d *doctor) streamSettings(have *jetstream.StreamConfig) {
	const name = eventstream.DefaultStreamName
	want := eventstream.Config{}.WithDefaults()
	before := len(d.findings)
	if !slices.ContainsFunc(have.Subjects, func(s string) bool { return s == eventstream.SubjectAll || s == ">" }) {
		d.add("stream_subjects", wrong, fmt.Sprintf("%s takes %s and not %s: events are lost on it", name, strings.Join(have.Subjects, ", "), eventstream.SubjectAll),
			"nats stream edit "+name+" --subjects '"+eventstream.SubjectAll+"'")
	}
	if have.Storage != jetstream.FileStorage {
		d.add("stream_storage", wrong, name+" is kept in memory: a restart of the broker loses it",
			"this cannot be changed; remove the stream, and a supervisor makes it anew: nats stream rm "+name)
	}
	if have.Retention != jetstream.LimitsPolicy {
		d.add("stream_retention", wrong, name+" has the retention "+have.Retention.String()+": events go once somebody has read them",
			"nats stream edit "+name+" --retention limits, or remove the stream, and a supervisor makes it anew")
	}
	if have.Discard != jetstream.DiscardOld {
		d.add("stream_discard", doubt, name+" refuses new events when it is full; they wait in the store, and then missions are refused",
			"nats stream edit "+name+" --discard old")
	}
	if have.NoAck {
		d.add("stream_ack", wrong, name+" acknowledges nothing: no event can be known to be stored", "nats stream edit "+name+" --ack")
	}
	if have.Duplicates < want.DuplicateWindow {
		d.add("stream_duplicates", doubt, fmt.Sprintf("%s recognises what is sent twice for %s only, and should for %s", name, ui.DurationWords(have.Duplicates), ui.DurationWords(want.DuplicateWindow)),
			"nats stream edit "+name+" --dupe-window "+want.DuplicateWindow.String())
	}
	if have.PersistMode == jetstream.AsyncPersistMode {
		d.add("stream_sync", wrong, name+" acknowledges events before they are written: a crash loses some that are believed to be stored",
			"nats stream edit "+name+" --persist-mode default")
	}
	if have.MaxAge > 0 && have.MaxAge < time.Hour {
		d.add("stream_max_age", doubt, name+" keeps events for "+ui.DurationWords(have.MaxAge)+" only; a consumer that stays away for longer misses some",
			"nats stream edit "+name+" --max-age 7d")
	}
	if len(d.findings) == before {
		kept := "for ever"
		if have.MaxAge > 0 {
			kept = "for " + ui.DurationWords(have.MaxAge)
		}
		d.well("stream_settings", "takes %s, in files, %s, duplicates are recognised for %s", eventstream.SubjectAll, kept, ui.DurationWords(have.Duplicates))
	}
}

// streamCopies checks the replicas that a cluster keeps.
func (d *doctor) streamCopies(info *jetstream.StreamInfo) {
	const name = eventstream.DefaultStreamName
	if d.session.Conn.ConnectedClusterName() == "" {
		d.well("stream_copies", "one, as the broker is alone")
		return
	}
	if info.Config.Replicas < 3 {
		d.add("stream_copies", doubt, fmt.Sprintf("%s on a cluster: while a broker that has it is away, events wait", ui.Plural(info.Config.Replicas, "copy", "copies")),
			"nats stream edit "+name+" --replicas 3")
		return
	}
	if info.Cluster == nil || info.Cluster.Leader == "" {
		d.add("stream_copies", wrong, "no leader: most of the brokers that keep the events are away", "start them again; nats server report jetstream lists them")
		return
	}
	var absent []string
	for _, peer := range info.Cluster.Replicas {
		if peer.Offline || !peer.Current {
			absent = append(absent, peer.Name)
		}
	}
	if len(absent) > 0 {
		d.add("stream_copies", wrong, fmt.Sprintf("of %d copies, those of %s are away or behind", info.Config.Replicas, strings.Join(absent, ", ")),
			"start these brokers again, or wait until they have caught up")
		return
	}
	d.well("stream_copies", "%d, all of them current", info.Config.Replicas)
}
