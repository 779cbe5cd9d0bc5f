package engine

import (
	"encoding/binary"
	"errors"
	"maps"
	"math"
	"slices"

	"github.com/google/uuid"

	"missioncontrol/missions"
)

// codec writes values to a buffer, or reads them from it: one function for each type says
// what its fields are, in both directions. Numbers are varints, texts have their length
// before them. What is written is only read: others may read it at the same time.
type codec struct {
	buf     []byte
	reading bool
	failed  bool // what was read is not what was written
}

// ErrEncoding is the error of decoding what no version has encoded.
var ErrEncoding = errors.New("the bytes are no encoding of this type")

// fail ends reading: everything that is read after it is zero.
func (c *codec) fail() { c.buf, c.failed = nil, true }

// number is an integer of any kind.
func number[T ~int | ~int8 | ~int64](c *codec, p *T) {
	if !c.reading {
		c.buf = binary.AppendVarint(c.buf, int64(*p))
		return
	}
	n, size := binary.Varint(c.buf)
	*p = T(n)
	if size <= 0 || int64(*p) != n {
		*p = 0
		c.fail()
		return
	}
	c.buf = c.buf[size:]
}

// length is how many bytes or elements follow. Each of them takes at least one byte.
func (c *codec) length(n int) int {
	number(c, &n)
	if c.reading && (n < 0 || n > len(c.buf)) {
		c.fail()
		return 0
	}
	return n
}

func text[T ~string](c *codec, p *T) {
	n := c.length(len(*p))
	if !c.reading {
		c.buf = append(c.buf, *p...)
		return
	}
	*p, c.buf = T(c.buf[:n]), c.buf[n:]
}

// content is text or JSON as bytes; nil stays nil.
func content[T ~[]byte](c *codec, p *T) {
	there := *p != nil
	if flag(c, &there); !there {
		return
	}
	n := c.length(len(*p))
	if !c.reading {
		c.buf = append(c.buf, *p...)
		return
	}
	*p, c.buf = append(T{}, c.buf[:n]...), c.buf[n:]
}

func flag(c *codec, p *bool) {
	n := 0
	if *p {
		n = 1
	}
	if number(c, &n); c.reading {
		*p = n == 1
	}
}

func float(c *codec, p *float64) {
	if !c.reading {
		c.buf = binary.LittleEndian.AppendUint64(c.buf, math.Float64bits(*p))
		return
	}
	if len(c.buf) < 8 {
		c.fail()
		return
	}
	*p, c.buf = math.Float64frombits(binary.LittleEndian.Uint64(c.buf)), c.buf[8:]
}

func identifier(c *codec, p *uuid.UUID) {
	if !c.reading {
		c.buf = append(c.buf, p[:]...)
		return
	}
	if len(c.buf) < len(p) {
		c.fail()
		return
	}
	c.buf = c.buf[copy(p[:], c.buf):]
}

// optional is a value that may be missing.
func optional[T any](c *codec, p **T, value func(*codec, *T)) {
	there := *p != nil
	if flag(c, &there); !there {
		return
	}
	if c.reading {
		*p = new(T)
	}
	value(c, *p)
}

// sequence is a list; an empty one is read as nil.
func sequence[T any](c *codec, p *[]T, element func(*codec, *T)) {
	n := c.length(len(*p))
	if c.reading {
		*p = nil
		for range n {
			if c.failed {
				return
			}
			var e T
			element(c, &e)
			*p = append(*p, e)
		}
		return
	}
	for i := range *p {
		element(c, &(*p)[i])
	}
}

// table is a map, by key; an empty one is read as an empty one.
func table[K ~string | ~int8, V any](c *codec, p *map[K]V, key func(*codec, *K), value func(*codec, *V)) {
	n := c.length(len(*p))
	if c.reading {
		*p = map[K]V{}
		for range n {
			if c.failed {
				return
			}
			var k K
			var v V
			key(c, &k)
			value(c, &v)
			(*p)[k] = v
		}
		return
	}
	for _, k := range slices.Sorted(maps.Keys(*p)) {
		v := (*p)[k]
		key(c, &k)
		value(c, &v)
	}
}

// place is a value of a short list, by its place in it.
func place[T comparable](c *codec, p *T, of []T) {
	n := slices.Index(of, *p)
	number(c, &n)
	if c.reading && (n < -1 || n >= len(of)) {
		c.fail()
		return
	}
	if c.reading && n >= 0 {
		*p = of[n]
	}
}

var (
	statuses    = missions.Statuses()
	priorities  = missions.Priorities()
	agentStates = missions.AgentStates()
	alertStates = missions.AlertStates()
)
