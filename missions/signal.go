package missions

import "encoding/json"

// Signal is a message to a mission. It is stored until the mission ends.
type Signal struct {
	Seq      int             `json:"seq"` // from 1, in the order of arrival
	Name     string          `json:"name"`
	Data     json.RawMessage `json:"data,omitzero"`    // any JSON; only its holder gets data that is large
	By       string          `json:"by,omitzero"`      // who sent it; "" if that is not known
	ByProven bool            `json:"by_proven"`        // By was authenticated
	At       Time            `json:"at"`               // when it was stored
	SeenAt   Time            `json:"seen_at,omitzero"` // when an agent said that it has seen it
	SeenBy   string          `json:"seen_by,omitzero"` // the agent

	// Elsewhere says that it has data that is left out, because it is large.
	Elsewhere bool `json:"data_left_out,omitzero"`
}

// Signals are the signals of a mission, in order.
type Signals []Signal

// Bounds of signals.
const (
	MaxSignals         = 100 // of one mission
	MaxSignalDataBytes = 64 << 10
)

// SignalRequest is one item of [Missions.Signal].
type SignalRequest struct {
	MissionID string
	Name      string
	Data      json.RawMessage // compact JSON; nil if none
	SignalID  string          // accepted once; "" for none
	By        string
	ByProven  bool
}

// Delivery says what became of a signal.
type Delivery string

// Values of Delivery.
const (
	DeliveredWaiting Delivery = "waiting" // the mission waited for it and proceeds
	DeliveredRunning Delivery = "running" // its holder is told
	DeliveredStored  Delivery = "stored"  // it is kept for later
)

// SignalResult is one item's result of [Missions.Signal].
type SignalResult struct {
	Seq       int
	Delivered Delivery
	AgentID   string // the holder of a RUNNING mission
	Ready     string // the mission's type if it became claimable
	Repeated  bool   // the signal_id was accepted before
	Err       error
}

// Validate checks the request.
func (r *SignalRequest) Validate() error {
	for _, err := range []error{CheckToken("id", r.MissionID), CheckToken("name", r.Name)} {
		if err != nil {
			return err
		}
	}
	if r.SignalID != "" {
		if err := CheckToken("signal_id", r.SignalID); err != nil {
			return err
		}
	}
	if len(r.Data) > MaxSignalDataBytes {
		return TooLarge("data", "is larger than %d KiB", MaxSignalDataBytes>>10)
	}
	return nil
}

// SignalRef names the signals of a mission up to a number.
type SignalRef struct {
	MissionID string
	Seq       int
}

// SignalPage is a page of the signals of a mission that its holder reads.
type SignalPage struct {
	Signals []Signal
	More    bool // there are more after the last one
}
