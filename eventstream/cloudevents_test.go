package eventstream_test

import (
	"bytes"
	"context"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/cloudevents/sdk-go/v2/binding"
	"github.com/cloudevents/sdk-go/v2/binding/spec"
	"github.com/nats-io/nats.go"

	"missioncontrol/charter"
	"missioncontrol/eventstream"
	"missioncontrol/eventstream/streamtest"
)

// ceMessage reads a NATS message in the binary content mode of the CloudEvents NATS
// binding, like the SDK's own protocol packages.
type ceMessage struct{ msg *nats.Msg }

var ceVersions = spec.WithPrefix("ce-")

func (m ceMessage) version() spec.Version {
	return ceVersions.Version(m.msg.Header.Get("ce-specversion"))
}

// ReadEncoding implements binding.Message.
func (m ceMessage) ReadEncoding() binding.Encoding {
	if m.version() == nil {
		return binding.EncodingUnknown
	}
	return binding.EncodingBinary
}

// ReadStructured implements binding.Message.
func (m ceMessage) ReadStructured(context.Context, binding.StructuredWriter) error {
	return binding.ErrNotStructured
}

// ReadBinary implements binding.Message.
func (m ceMessage) ReadBinary(_ context.Context, w binding.BinaryWriter) error {
	v := m.version()
	for name, values := range m.msg.Header {
		var err error
		switch attr := v.Attribute(name); {
		case strings.HasPrefix(name, "ce-") && attr != nil:
			err = w.SetAttribute(attr, values[0])
		case strings.HasPrefix(name, "ce-"):
			err = w.SetExtension(strings.TrimPrefix(name, "ce-"), values[0])
		case name == "content-type":
			err = w.SetAttribute(v.AttributeFromKind(spec.DataContentType), values[0])
		}
		if err != nil {
			return err
		}
	}
	return w.SetData(io.NopCloser(bytes.NewReader(m.msg.Data)))
}

// GetAttribute implements binding.MessageMetadataReader.
func (m ceMessage) GetAttribute(kind spec.Kind) (spec.Attribute, any) {
	attr := m.version().AttributeFromKind(kind)
	if values, ok := m.msg.Header[attr.PrefixedName()]; ok {
		return attr, values[0]
	}
	return attr, nil
}

// GetExtension implements binding.MessageMetadataReader.
func (m ceMessage) GetExtension(name string) any {
	if values, ok := m.msg.Header["ce-"+name]; ok {
		return values[0]
	}
	return nil
}

// Finish implements binding.Message.
func (m ceMessage) Finish(error) error { return nil }

func TestMessageIsACloudEvent(t *testing.T) {
	t.Parallel()
	h := openBroker(t)
	ctx, cancel := context.WithTimeout(context.Background(), streamtest.Timeout)
	defer cancel()
	s, err := eventstream.Open(h.Config())
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(ctx); err != nil {
			t.Error(err)
		}
	}()
	awaitConnected(ctx, t, s)
	nc, err := nats.Connect(h.AdminURL())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	sub, err := nc.SubscribeSync("events.>")
	if err != nil {
		t.Fatal(err)
	}
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}

	at := time.Date(2026, 5, 4, 3, 2, 1, 123_456_000, time.UTC)
	sent := charter.New(charter.MissionStatusChanged{
		MissionID: "m-1", OldStatus: "PENDING", NewStatus: "RUNNING", ChangedAt: at, Reason: "claimed", Attempt: 1, AgentID: "a-1",
	}, at)
	if _, err := s.Publish(ctx, sent); err != nil {
		t.Fatal(err)
	}
	msg, err := sub.NextMsgWithContext(ctx)
	if err != nil {
		t.Fatal(err)
	}
	got, err := binding.ToEvent(ctx, ceMessage{msg})
	if err != nil {
		t.Fatal(err)
	}
	if err := got.Validate(); err != nil {
		t.Fatalf("a CloudEvents reader refuses the message: %v", err)
	}
	if got.SpecVersion() != "1.0" || got.ID() != sent.ID.String() || got.Type() != "mission.status_changed" ||
		got.Source() != "missions_service" || got.Subject() != "mission_m-1" || !got.Time().Equal(at) ||
		got.DataContentType() != "application/json" || len(got.Extensions()) != 0 {
		t.Errorf("a CloudEvents reader sees another event:\n%v", got)
	}
	body, err := charter.Decode(got.Data())
	if err != nil || body.ID != sent.ID {
		t.Errorf("data = %s, %v; want the envelope", got.Data(), err)
	}
}
