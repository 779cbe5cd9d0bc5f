//go:build !unix

package worker

import "os/exec"

// reportPipe does nothing: there are neither named pipes in the file system nor inherited
// descriptors.
type reportPipe struct{}

func newReportPipe(string) (*reportPipe, error) { return &reportPipe{}, nil }

func (p *reportPipe) environment() []string { return nil }

func (p *reportPipe) attach(*exec.Cmd) {}

func (p *reportPipe) begin(*reportLines) {}

func (p *reportPipe) end() {}

func (p *reportPipe) close() {}
