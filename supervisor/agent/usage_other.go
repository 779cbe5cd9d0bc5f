//go:build !unix

package agent

// usage is not known on this system.
func usage() (cpu *float64, memory *int64) { return nil, nil }
