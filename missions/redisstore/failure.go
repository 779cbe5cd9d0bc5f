package redisstore

import (
	"errors"
	"net"
	"strings"

	"github.com/redis/go-redis/v9"

	"missioncontrol/missions"
)

// What callers are told of failures. Where the request may have been done all the
// same, they are told that this is not known.
const (
	toldUnknown     = "the store did not answer; whether the request was done is not known. Sending it again with the same id is safe"
	toldUnreachable = "the store cannot be reached; nothing was done"
	toldRefused     = "the store cannot write at present; nothing was done"
	toldFull        = "the store's memory is full; nothing was done"
	toldAway        = "a partition of the store cannot be reached; nothing was done"
	toldBroken      = "the store failed"
	toldForbidden   = "Redis denies the supervisor a permission; nothing was done"
	toldHalfway     = "Redis no longer grants the supervisor a permission; it is unknown how much of the request was done"
	toldForeign     = "the store found data of another program; it is unknown how much of the request was done"
)

// refusals are the beginnings of Redis' errors for a request that it has not done.
var refusals = map[string]string{
	"OOM": toldFull, "LOADING": toldRefused, "READONLY": toldRefused, "CLUSTERDOWN": toldRefused, "MASTERDOWN": toldRefused,
	"TRYAGAIN": toldRefused, "NOREPLICAS": toldRefused, "MISCONF": toldRefused, "BUSY": toldRefused,
	"NOAUTH": toldRefused, "WRONGPASS": toldRefused, "MOVED": toldRefused, "ASK": toldRefused,
	"ERR max number of clients": toldRefused,
}

var errClosed = missions.Refused("the store is closed", nil)

// tell returns what callers are told of an error.
func tell(err error) string {
	var dial *net.OpError
	if errors.As(err, &dial) && dial.Op == "dial" || errors.Is(err, redis.ErrPoolTimeout) {
		return toldUnreachable
	}
	switch {
	case errors.As(err, new(halfway)):
		return toldHalfway
	case errors.Is(err, ErrForbidden), errors.Is(err, ErrUnsuitable):
		return toldForbidden
	case errors.Is(err, ErrForeign):
		return toldForeign
	}
	var reply redis.Error
	if !errors.As(err, &reply) {
		return toldUnknown
	}
	for prefix, told := range refusals {
		if strings.HasPrefix(reply.Error(), prefix) {
			return told
		}
	}
	switch {
	case strings.HasPrefix(reply.Error(), "WRONGTYPE"):
		return toldForeign
	case deniedHalfway(reply):
		return toldHalfway
	}
	return toldBroken
}
