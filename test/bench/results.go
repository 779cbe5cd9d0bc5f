package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
)

// result is what a row came to, as it is kept between runs.
type result struct {
	Name   string    `json:"name"`
	Ours   []float64 `json:"ours"`
	Theirs []float64 `json:"theirs"`
	Ratios []float64 `json:"ratios"`
	CPU    []float64 `json:"cpu,omitempty"`    // the processor time of one of theirs, in those of ours
	Thrown int       `json:"thrown,omitempty"` // rounds that a busy machine spoiled
	Taken  string    `json:"taken"`            // when, and with what
}

func (r *result) add(ours, theirs visit) {
	r.Ours, r.Theirs = append(r.Ours, ours.value), append(r.Theirs, theirs.value)
	r.Ratios = append(r.Ratios, ours.value/theirs.value)
	if ours.cpu > 0 && theirs.cpu > 0 {
		r.CPU = append(r.CPU, theirs.cpu/ours.cpu)
	}
}

// complete reports whether a kept result can be shown.
func (r result) complete() bool { return len(r.Ours) > 0 && len(r.Theirs) > 0 && len(r.Ratios) > 0 }

// ratio is the median, with the lowest and the highest.
func (r result) ratio() (middle, low, high float64) {
	return median(r.Ratios), slices.Min(r.Ratios), slices.Max(r.Ratios)
}

// readResults reads what earlier runs have kept, nothing if there was none.
func readResults(path string) ([]result, error) {
	text, err := os.ReadFile(path) //nolint:gosec // the user's choice
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var all []result
	if err := json.Unmarshal(text, &all); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	for _, r := range all {
		if !r.complete() {
			return nil, fmt.Errorf("%s: %q has no rounds", path, r.Name)
		}
	}
	return all, nil
}

func writeResults(path string, all []result) error {
	text, err := json.MarshalIndent(all, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(text, '\n'), 0o644) //nolint:gosec // a document
}

// merge puts newer results in the places of older ones, in the order of the table, and
// leaves out what the table no longer has.
func merge(rows []row, older, newer []result) []result {
	at := map[string]int{}
	for i, r := range rows {
		at[r.name] = i
	}
	latest := map[string]result{}
	for _, r := range slices.Concat(older, newer) {
		if _, ok := at[r.Name]; ok {
			latest[r.Name] = r
		}
	}
	var all []result
	for _, r := range latest {
		all = append(all, r)
	}
	slices.SortFunc(all, func(a, b result) int { return cmp.Compare(at[a.Name], at[b.Name]) })
	return all
}
