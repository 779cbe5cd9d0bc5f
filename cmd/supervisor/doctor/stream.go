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
		d.add("stream", wrong, remote.ErrorText(err), "start a supervisor, which creates it; if it cannot, its health says why")
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
		d.add("stream_consumers", wrong, fmt.Sprintf("%s has reached its limit of %s: live pages, queries and new consumers are refused", info.Config.Name, ui.Plural(most, "consumer", "consumers")),
			"remove unused ones: nats consumer rm "+info.Config.Name)
	}
}

// streamSettings compares the stream's settings with what events need.
func (d *doctor) streamSettings(have *jetstream.StreamConfig) {
	const name = eventstream.DefaultStreamName
	want := eventstream.Config{}.WithDefaults()
	before := len(d.findings)
	if !slices.ContainsFunc(have.Subjects, func(s string) bool { return s == eventstream.SubjectAll || s == ">" }) {
		d.add("stream_subjects", wrong, fmt.Sprintf("%s covers %s instead of %s: it misses events", name, strings.Join(have.Subjects, ", "), eventstream.SubjectAll),
			"nats stream edit "+name+" --subjects '"+eventstream.SubjectAll+"'")
	}
	if have.Storage != jetstream.FileStorage {
		d.add("stream_storage", wrong, name+" is kept in memory: a restart of the broker loses it",
			"this cannot be changed; delete the stream, and a supervisor creates it again: nats stream rm "+name)
	}
	if have.Retention != jetstream.LimitsPolicy {
		d.add("stream_retention", wrong, name+" has the retention "+have.Retention.String()+": events disappear once a consumer has read them",
			"nats stream edit "+name+" --retention limits, or delete the stream, and a supervisor creates it again")
	}
	if have.Discard != jetstream.DiscardOld {
		d.add("stream_discard", warned, name+" refuses new events when it is full; events then wait in the store, and in the end new missions are refused",
			"nats stream edit "+name+" --discard old")
	}
	if have.NoAck {
		d.add("stream_ack", wrong, name+" acknowledges nothing, so it is never certain that an event is stored", "nats stream edit "+name+" --ack")
	}
	if have.Duplicates < want.DuplicateWindow {
		d.add("stream_duplicates", warned, fmt.Sprintf("%s recognizes duplicates for only %s; it should for %s", name, ui.DurationWords(have.Duplicates), ui.DurationWords(want.DuplicateWindow)),
			"nats stream edit "+name+" --dupe-window "+want.DuplicateWindow.String())
	}
	if have.PersistMode == jetstream.AsyncPersistMode {
		d.add("stream_sync", wrong, name+" acknowledges events before they are written: a crash can lose acknowledged events",
			"nats stream edit "+name+" --persist-mode default")
	}
	if have.MaxAge > 0 && have.MaxAge < time.Hour {
		d.add("stream_max_age", warned, name+" keeps events for "+ui.DurationWords(have.MaxAge)+" only; a consumer that stays away longer misses events",
			"nats stream edit "+name+" --max-age 7d")
	}
	if len(d.findings) == before {
		kept := "for ever"
		if have.MaxAge > 0 {
			kept = "for " + ui.DurationWords(have.MaxAge)
		}
		d.well("stream_settings", "covers %s, in files, %s, recognizes duplicates for %s", eventstream.SubjectAll, kept, ui.DurationWords(have.Duplicates))
	}
	if have.Duplicates > want.DuplicateWindow {
		d.add("stream_duplicates", fine, fmt.Sprintf("%s recognizes duplicates for %s, like streams of earlier versions; %s are enough, and cost the broker less",
			name, ui.DurationWords(have.Duplicates), ui.DurationWords(want.DuplicateWindow)),
			"nats stream edit "+name+" --dupe-window "+want.DuplicateWindow.String())
	}
}

// streamCopies checks the replicas that a cluster keeps.
func (d *doctor) streamCopies(info *jetstream.StreamInfo) {
	const name = eventstream.DefaultStreamName
	if d.session.Conn.ConnectedClusterName() == "" {
		d.well("stream_copies", "one, because there is one broker")
		return
	}
	if info.Config.Replicas < 3 {
		d.add("stream_copies", warned, fmt.Sprintf("%s on a cluster: events wait while a broker that has a copy is unavailable", ui.Plural(info.Config.Replicas, "copy", "copies")),
			"nats stream edit "+name+" --replicas 3")
		return
	}
	if info.Cluster == nil || info.Cluster.Leader == "" {
		d.add("stream_copies", wrong, "no leader: most of the brokers that have copies are unavailable", "start them; nats server report jetstream lists them")
		return
	}
	var absent []string
	for _, peer := range info.Cluster.Replicas {
		if peer.Offline || !peer.Current {
			absent = append(absent, peer.Name)
		}
	}
	if len(absent) > 0 {
		d.add("stream_copies", wrong, fmt.Sprintf("of %d copies, those on %s are unavailable or behind", info.Config.Replicas, strings.Join(absent, ", ")),
			"start these brokers, or wait until they catch up")
		return
	}
	d.well("stream_copies", "%d, all of them current", info.Config.Replicas)
}
