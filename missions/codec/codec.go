// Package codec encodes values as bytes and decodes them: one function for each type says
// what its fields are, in both directions. Numbers are varints, texts have their length
// before them.
//
// What is decoded may be anything: decoding takes memory in proportion to the bytes that
// there are, and never panics.
package codec

import (
	"encoding/binary"
	"errors"
	"maps"
	"math"
	"slices"

	"github.com/google/uuid"
)

// Codec writes values to a buffer, or reads them from it. What is written is only read:
// others may read it at the same time.
type Codec struct {
	buf     []byte
	reading bool
	failed  bool // what was read is not what was written
}

// Writer returns a codec that appends to a buffer.
func Writer(to []byte) *Codec { return &Codec{buf: to} }

// Reader returns a codec that reads a buffer.
func Reader(from []byte) *Codec { return &Codec{buf: from, reading: true} }

// Reading reports whether values are read.
func (c *Codec) Reading() bool { return c.reading }

// Failed reports whether what was read so far is no encoding.
func (c *Codec) Failed() bool { return c.failed }

// Bytes returns what was written, or what has not been read yet.
func (c *Codec) Bytes() []byte { return c.buf }

// End returns an error unless everything was read, and nothing else.
func (c *Codec) End() error {
	if c.failed || len(c.buf) > 0 {
		return ErrEncoding
	}
	return nil
}

// ErrEncoding is the error of decoding what no version has encoded.
var ErrEncoding = errors.New("the bytes are no encoding of this type")

// Fail ends reading: everything that is read after it is zero.
func (c *Codec) Fail() { c.buf, c.failed = nil, true }

// Number is an integer of any kind.
func Number[T ~int | ~int8 | ~int64](c *Codec, p *T) {
	if !c.reading {
		c.buf = binary.AppendVarint(c.buf, int64(*p))
		return
	}
	n, size := binary.Varint(c.buf)
	*p = T(n)
	if size <= 0 || int64(*p) != n {
		*p = 0
		c.Fail()
		return
	}
	c.buf = c.buf[size:]
}

// Length is how many bytes or elements follow. Each of them takes at least one byte.
func (c *Codec) Length(n int) int {
	Number(c, &n)
	if c.reading && (n < 0 || n > len(c.buf)) {
		c.Fail()
		return 0
	}
	return n
}

func Text[T ~string](c *Codec, p *T) {
	n := c.Length(len(*p))
	if !c.reading {
		c.buf = append(c.buf, *p...)
		return
	}
	*p, c.buf = T(c.buf[:n]), c.buf[n:]
}

// Content is text or JSON as bytes; nil stays nil.
func Content[T ~[]byte](c *Codec, p *T) {
	there := *p != nil
	if Flag(c, &there); !there {
		return
	}
	n := c.Length(len(*p))
	if !c.reading {
		c.buf = append(c.buf, *p...)
		return
	}
	*p, c.buf = append(T{}, c.buf[:n]...), c.buf[n:]
}

func Flag(c *Codec, p *bool) {
	n := 0
	if *p {
		n = 1
	}
	if Number(c, &n); c.reading {
		*p = n == 1
	}
}

func Float(c *Codec, p *float64) {
	if !c.reading {
		c.buf = binary.LittleEndian.AppendUint64(c.buf, math.Float64bits(*p))
		return
	}
	if len(c.buf) < 8 {
		c.Fail()
		return
	}
	*p, c.buf = math.Float64frombits(binary.LittleEndian.Uint64(c.buf)), c.buf[8:]
}

func Identifier(c *Codec, p *uuid.UUID) {
	if !c.reading {
		c.buf = append(c.buf, p[:]...)
		return
	}
	if len(c.buf) < len(p) {
		c.Fail()
		return
	}
	c.buf = c.buf[copy(p[:], c.buf):]
}

// Optional is a value that may be missing.
func Optional[T any](c *Codec, p **T, value func(*Codec, *T)) {
	there := *p != nil
	if Flag(c, &there); !there {
		return
	}
	if c.reading {
		*p = new(T)
	}
	value(c, *p)
}

// reservedElements bounds for how many elements memory is reserved before they were read.
const reservedElements = 256

// Sequence is a list; an empty one is read as nil.
func Sequence[T any](c *Codec, p *[]T, element func(*Codec, *T)) {
	n := c.Length(len(*p))
	if c.reading {
		*p = nil
		if n > 0 {
			*p = make([]T, 0, min(n, reservedElements))
		}
		for range n {
			if c.failed {
				return
			}
			*p = append(*p, *new(T))
			element(c, &(*p)[len(*p)-1])
		}
		return
	}
	for i := range *p {
		element(c, &(*p)[i])
	}
}

// Table is a map, by key; an empty one is read as an empty one.
func Table[K ~string | ~int8, V any](c *Codec, p *map[K]V, key func(*Codec, *K), value func(*Codec, *V)) {
	n := c.Length(len(*p))
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

// Place is a value of a short list, by its place in it.
func Place[T comparable](c *Codec, p *T, of []T) {
	n := slices.Index(of, *p)
	Number(c, &n)
	if c.reading && (n < -1 || n >= len(of)) {
		c.Fail()
		return
	}
	if c.reading && n >= 0 {
		*p = of[n]
	}
}
