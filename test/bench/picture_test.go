package main

import (
	"bytes"
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"testing"
)

var update = flag.Bool("update", false, "write the golden picture anew")

// drawn is a row of each kind: ahead, behind, where less is better, without a goal, and
// not measured.
func drawn() []bar {
	rows := []row{
		{name: "ahead, & further <than> the goal", goal: 2},
		{name: "behind", goal: 1.2},
		{name: "less is better", goal: 3, less: true},
		{name: "no goal"},
		{name: "not measured", goal: 1},
	}
	return bars(rows, []result{
		{Name: rows[0].name, Ours: []float64{1}, Theirs: []float64{1}, Ratios: []float64{4, 3, 5}},
		{Name: "behind", Ours: []float64{1}, Theirs: []float64{1}, Ratios: []float64{0.5, 0.7}},
		{Name: "less is better", Ours: []float64{1}, Theirs: []float64{1}, Ratios: []float64{0.25, 0.5, 0.125}},
		some("no goal", 2),
	})
}

func TestBarsGoRightWhereWeAreAhead(t *testing.T) {
	want := []bar{
		{label: "ahead, & further <than> the goal", value: 4, low: 3, high: 5, goal: 2, reached: true},
		{label: "behind", value: 0.6, low: 0.5, high: 0.7, goal: 1.2},
		{label: "less is better", value: 4, low: 2, high: 8, goal: 1.0 / 3, reached: true},
	}
	if got := drawn(); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
}

func TestPicture(t *testing.T) {
	got := picture(drawn())
	golden := filepath.Join("testdata", "picture.svg")
	if *update {
		if err := os.WriteFile(golden, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("the picture differs from %s; look at it, and run go test -update if it is right", golden)
	}
}

func TestPictureIsXML(t *testing.T) {
	for _, all := range [][]bar{nil, drawn()} {
		for d := xml.NewDecoder(bytes.NewReader(picture(all))); ; {
			if _, err := d.Token(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestScaleIsLogarithmicAroundOne(t *testing.T) {
	s := newScale([]bar{{value: 3, low: 0.3, high: 3, goal: 2}})
	if s.low != 0.25 || s.high != 4 {
		t.Fatalf("the scale is %+v, want 1/4 to 4", s)
	}
	left, one, right := s.x(0.25), s.x(1), s.x(4)
	if left != labelWidth || right != pictureWidth-valueWidth || math.Abs(one-left-(right-one)) > 1e-9 {
		t.Errorf("1/4 is at %v, 1 at %v, 4 at %v", left, one, right)
	}
}
