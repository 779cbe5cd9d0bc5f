package test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"missioncontrol/eventstream/streamtest"
	"missioncontrol/missions/redisstore/redistest"
)

// mostMemory is how many MiB a supervisor needs at most, however many missions are stored. What an
// embedded broker needs comes on top.
const mostMemory = 384

// TestMemoryDoesNotGrowWithMissions: see memory.
func TestMemoryDoesNotGrowWithMissions(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("only Linux says how much memory a process has used")
	}
	for name, args := range memoryStores(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			memory(t, 100_000, args)
		})
	}
}

// BenchmarkMemory reports what TestMemoryDoesNotGrowWithMissions looks at, for a million missions.
func BenchmarkMemory(b *testing.B) {
	for name, args := range memoryStores(b) {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				b.ReportMetric(memory(b, 1_000_000, args), "MiB")
			}
		})
	}
}

// memoryStores are arguments of supervisors, by the store that they have.
func memoryStores(t testing.TB) map[string][]string {
	return map[string][]string{"SQLite": nil, "Redis": {"--store", redistest.Start(t, "--appendonly", "no", "--save", "").URL()}}
}

// memory creates missions of one type, and one of each of a thousand other types, all of which stay
// PENDING. It returns the most memory that the supervisor has used, in MiB.
func memory(t testing.TB, missions int, args []string) float64 {
	t.Helper()
	broker := streamtest.StartBroker(t, streamtest.FreePorts(t, 1)[0], t.TempDir())
	s := start(t, t.TempDir(), slices.Concat(args, []string{"--server", broker.ClientURL()})...)
	createMany(t, s, 1000, func(i int) string { return fmt.Sprint("type-", i) })
	for made := 0; made < missions; made += 1000 {
		createMany(t, s, 1000, func(int) string { return "one" })
	}
	used := resident(t, s)
	if used > mostMemory {
		t.Errorf("with %d missions, the supervisor has used %.0f MiB, more than %d", missions, used, mostMemory)
	}
	return used
}

// createMany creates missions in one request.
func createMany(t testing.TB, s *supervisor, n int, missionType func(int) string) {
	t.Helper()
	missions := make([]string, n)
	for i := range missions {
		missions[i] = fmt.Sprintf(`{"name":"m","type":%q,"data":{"customer":"c-%d","amount":12.5}}`, missionType(i), i)
	}
	body := `{"brief":true,"missions":[` + strings.Join(missions, ",") + `]}`
	reply, err := http.Post(s.HTTP+"/api/missions", "application/json", bytes.NewReader([]byte(body)))
	must(t, err)
	said, err := io.ReadAll(reply.Body)
	must(t, err)
	must(t, reply.Body.Close())
	if reply.StatusCode/100 != 2 {
		t.Fatalf("status %d: %s", reply.StatusCode, said)
	}
}

// resident returns the most memory that a supervisor has used, in MiB.
func resident(t testing.TB, s *supervisor) float64 {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.Cmd.Process.Pid))
	must(t, err)
	for line := range strings.Lines(string(status)) {
		if text, found := strings.CutPrefix(line, "VmHWM:"); found {
			kib, err := strconv.ParseFloat(strings.Fields(text)[0], 64)
			must(t, err)
			return kib / 1024
		}
	}
	t.Fatal("the kernel does not say how much memory is used")
	return 0
}
