package worker

import (
	"encoding/json"
	"errors"
	"os/exec"

	"missioncontrol/supervisor/agent"
)

// exitDataErr is the exit code for data that is wrong, as in sysexits.h: another attempt would
// fail, too. Its counterpart EX_TEMPFAIL, 75, needs no code of its own: every other failure is
// tried again.
const exitDataErr = 65

// outcome returns what becomes of a mission whose program has ended well, and has printed a
// result or nothing: a result, or what the mission waits for. A reported result replaces the
// printed one.
func (r *reportLines) outcome(printed json.RawMessage) (result any, parking *agent.Parking) {
	why := ""
	switch {
	case r.parking != nil:
		why = "because the mission is parked"
		if r.result != nil {
			r.remark("the reported result is dropped, " + why)
		}
	case r.result != nil:
		why, result = "because the program has reported a result", r.result
	case printed != nil:
		return printed, nil
	}
	if printed != nil {
		r.remark("the standard output is dropped, " + why)
	}
	return result, r.parking
}

// failure marks the error of a program as permanent, or with the time after which the program
// wants to be tried again, as its exit code and its lines say.
func (r *reportLines) failure(err error) error {
	var exit *exec.ExitError
	switch {
	case !errors.As(err, &exit):
		return err
	case exit.ExitCode() == exitDataErr:
		return agent.Permanent(err)
	case r.retryAfter != nil:
		return agent.RetryAfter(err, *r.retryAfter)
	}
	return err
}
