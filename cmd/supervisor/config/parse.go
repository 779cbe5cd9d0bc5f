package config

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"missioncontrol/cmd/supervisor/ui"
	"missioncontrol/eventstream"
	"missioncontrol/supervisor/web"
)

// to returns a setting's set function: it parses a text and stores the result. Texts are
// parsed when the source that counts is known, and not by pflag, so that an error reads the
// same wherever the text comes from.
func to[T any](place *T, parse func(text string) (T, error)) func(text string) error {
	return func(text string) (err error) {
		*place, err = parse(text)
		return err
	}
}

// checked returns a parse function for texts that are stored as they are.
func checked(check func(text string) error) func(string) (string, error) {
	return func(text string) (string, error) { return text, check(text) }
}

func word(words ...string) func(string) (string, error) {
	return checked(func(text string) error { return ui.OneOf(text, words...) })
}

func duration(least, most time.Duration) func(string) (time.Duration, error) {
	return func(text string) (time.Duration, error) { return ui.DurationWithin(text, least, most) }
}

func whole[N int | int64](least, most N) func(string) (N, error) {
	return func(text string) (N, error) {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || n < int64(least) || n > int64(most) {
			return 0, fmt.Errorf("%q is not a whole number between %s and %s", text, ui.Count(least), ui.Count(most))
		}
		return N(n), nil
	}
}

func number(text string) (float64, error) {
	n, err := strconv.ParseFloat(strings.ReplaceAll(text, "_", ""), 64)
	if err != nil {
		return 0, fmt.Errorf("%q is not a number", text)
	}
	return n, nil
}

func boolean(text string) (bool, error) {
	is, err := strconv.ParseBool(text)
	if err != nil {
		return false, fmt.Errorf("%q is not true or false", text)
	}
	return is, nil
}

func onOrOff(text string) (bool, error) { return text == "on", ui.OneOf(text, "on", "off") }

func logLevel(text string) (level slog.Level, err error) {
	if err := ui.OneOf(text, "debug", "info", "warn", "error"); err != nil {
		return level, err
	}
	return level, level.UnmarshalText([]byte(text))
}

func hosts(text string) (hosts []string, err error) {
	for name := range strings.SplitSeq(text, ",") {
		host, err := web.ParseHost(strings.TrimSpace(name))
		if err != nil {
			return nil, err
		}
		hosts = append(hosts, host)
	}
	return hosts, nil
}

func checkNotEmpty(text string) error {
	if text == "" {
		return errors.New("it is empty")
	}
	return nil
}

func checkAddress(text string) error {
	host, port, err := net.SplitHostPort(text)
	if err == nil && host != "" {
		if n, err := strconv.Atoi(port); err == nil && n >= 0 && n <= 65535 {
			return nil
		}
	}
	return fmt.Errorf("%q is not an address like 127.0.0.1:4222", text)
}

func checkHTTP(text string) error {
	if text == "off" || checkAddress(text) == nil {
		return nil
	}
	return fmt.Errorf("%q is neither off nor an address like 127.0.0.1:8080", text)
}

func checkAdvertise(text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return errors.New("it is not a URL like http://10.0.0.7:8080") // it may hold a secret
	}
	return nil
}

func checkServer(text string) error {
	err := eventstream.Config{URL: text}.WithDefaults().Validate()
	if err == nil {
		return nil
	}
	return errors.New(strings.TrimPrefix(err.Error(), eventstream.ErrConfig.Error()+": "))
}
