package main

import (
	"encoding/json"
	"regexp"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"missioncontrol/cmd/supervisor/ui"
	"missioncontrol/supervisor/api"
)

// buildVersion is set by release builds: -ldflags "-X main.buildVersion=1.2.3".
var buildVersion string

// semVer is Semantic Versioning 2.0, in brief.
var semVer = regexp.MustCompile(`^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?$`)

// pseudoVersion matches the go command's names for versions without a release tag.
var pseudoVersion = regexp.MustCompile(`[-.]\d{14}-[0-9a-f]{12}`)

// version returns the program's version, SemVer without a leading v.
func version() string {
	info, _ := debug.ReadBuildInfo() // none: no module, no version
	return versionFrom(buildVersion, info)
}

func versionFrom(set string, info *debug.BuildInfo) string {
	if semVer.MatchString(set) {
		return set
	}
	if info == nil {
		return api.DevVersion
	}
	if v := info.Main.Version; len(v) > 1 && v[0] == 'v' && semVer.MatchString(v[1:]) && !pseudoVersion.MatchString(v) {
		return v[1:]
	}
	if revision := buildSetting(info, "vcs.revision"); len(revision) >= 12 {
		return api.DevVersion + "+" + revision[:12]
	}
	return api.DevVersion
}

func buildSetting(info *debug.BuildInfo, key string) string {
	for _, s := range info.Settings {
		if s.Key == key {
			return s.Value
		}
	}
	return ""
}

func (c *cli) versionCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Show the version",
		Example: `  supervisor version
  supervisor version --json`,
		Args: ui.NoArguments,
	}
	asJSON := cmd.Flags().Bool("json", false, "print JSON")
	cmd.RunE = func(*cobra.Command, []string) error {
		if !*asJSON {
			c.Out.Printf("supervisor %s (%s, %s/%s)\n", version(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
			return nil
		}
		raw, err := json.Marshal(map[string]string{
			"version": version(), "go": runtime.Version(), "platform": runtime.GOOS + "/" + runtime.GOARCH,
		})
		if err != nil {
			return err
		}
		c.Out.JSON(raw)
		return nil
	}
	return cmd
}
