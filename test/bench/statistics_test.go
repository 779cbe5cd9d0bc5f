package main

import "testing"

func TestMedian(t *testing.T) {
	for _, c := range []struct {
		of   []float64
		want float64
	}{
		{nil, 0},
		{[]float64{7}, 7},
		{[]float64{9, 1}, 5},
		{[]float64{9, 1, 2}, 2},
		{[]float64{100, 1, 4, 2}, 3},
	} {
		if got := median(c.of); got != c.want {
			t.Errorf("median(%v) = %v, want %v", c.of, got, c.want)
		}
	}
}

func TestMedianKeepsTheOrder(t *testing.T) {
	of := []float64{3, 1, 2}
	median(of)
	if of[0] != 3 || of[1] != 1 || of[2] != 2 {
		t.Errorf("the figures are now %v", of)
	}
}
