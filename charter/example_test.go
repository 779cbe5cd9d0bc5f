package charter_test

import (
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"missioncontrol/charter"
)

func Example() {
	at := time.UnixMicro(1703001234_567000)
	id := uuid.MustParse("5e0d1c52-7f0f-4a52-9b9f-0d2f8e4b7c01") // New generates its own
	e := charter.NewWithID(id, charter.HealthChecked{Status: "ok", CheckedAt: at}, at)
	b, err := charter.Encode(&e)
	fmt.Println(string(b), err)
	// Output:
	// {"id":"5e0d1c52-7f0f-4a52-9b9f-0d2f8e4b7c01","type":"supervisor.health_checked","source":"supervisor_service","target":null,"timestamp":1703001234.567,"payload":{"status":"ok","checked_at":1703001234.567},"meta":{"schema_version":1,"producer":"missioncontrol","source_module":"supervisor"}} <nil>
}

func ExampleDecode() {
	_, err := charter.Decode([]byte(`{"id":"5e0d1c52-7f0f-4a52-9b9f-0d2f8e4b7c01","type":"Created"}`))
	var fe *charter.FieldError
	fmt.Println(errors.Is(err, charter.ErrInvalid), errors.As(err, &fe))
	fmt.Println(fe.Field, fe.Reason)
	// Output:
	// true true
	// type must be lower-case dotted names, at least two, of at most 255 bytes in all
}

func ExampleDecodePayload() {
	e, err := charter.Decode([]byte(`{"id":"5e0d1c52-7f0f-4a52-9b9f-0d2f8e4b7c01","type":"mission.progressed",
		"source":"missions_service","target":"mission_m1","timestamp":1703001234.567,
		"payload":{"mission_id":"m1","percent":62.5,"message":"5 of 8 tiles","progressed_at":1703001234.5},"meta":{}}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	payload, err := charter.DecodePayload(&e)
	switch p := payload.(type) {
	case charter.MissionProgressed:
		fmt.Printf("%s is %v %% done\n", p.MissionID, p.Percent)
	default:
		fmt.Println("something else:", e.Type, err)
	}
	// Output:
	// m1 is 62.5 % done
}
