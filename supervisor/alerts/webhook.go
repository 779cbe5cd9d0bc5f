package alerts

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Webhook sends notifications over HTTP as the Standard Webhooks specification defines
// them (https://www.standardwebhooks.com): a POST with the headers webhook-id,
// webhook-timestamp and, with a secret, webhook-signature. It may be used concurrently.
type Webhook struct {
	url       string
	key       []byte
	userAgent string
	client    *http.Client
}

// webhookTimeout bounds one attempt.
const webhookTimeout = 10 * time.Second

// secretPrefix is the prefix of a secret in base64.
const secretPrefix = "whsec_"

// NewWebhook returns a webhook. A secret is any text, or whsec_ and base64. Without a
// secret nothing is signed. The error says what is wrong, and contains no secret.
func NewWebhook(target, secret, userAgent string) (*Webhook, error) {
	u, err := url.Parse(target)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, errors.New("it is not a URL like https://alerts.example.com/hook")
	}
	w := &Webhook{url: target, key: []byte(secret), userAgent: userAgent}
	if encoded, ok := strings.CutPrefix(secret, secretPrefix); ok {
		if w.key, err = base64.StdEncoding.DecodeString(encoded); err != nil || len(w.key) == 0 {
			return nil, errors.New("the part of the secret after whsec_ is not base64")
		}
	}
	transport, ok := http.DefaultTransport.(*http.Transport)
	if !ok {
		return nil, errors.New("this program's HTTP client has been replaced")
	}
	w.client = &http.Client{
		Timeout:   webhookTimeout,
		Transport: transport.Clone(),
		// If the receiver has moved, the operator must change the setting: a redirect
		// could lead anywhere.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return w, nil
}

// Close closes idle connections.
func (w *Webhook) Close() { w.client.CloseIdleConnections() }

// Send makes one attempt. id is the same in each attempt, so that the receiver can
// recognise repeats. The error contains neither the secret nor the URL's user and
// query.
func (w *Webhook) Send(ctx context.Context, id string, at time.Time, body []byte) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, w.url, bytes.NewReader(body))
	if err != nil {
		return errors.New("cannot create the request")
	}
	timestamp := strconv.FormatInt(at.Unix(), 10)
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", w.userAgent)
	request.Header.Set("Webhook-Id", id)
	request.Header.Set("Webhook-Timestamp", timestamp)
	if len(w.key) > 0 {
		request.Header.Set("Webhook-Signature", w.sign(id, timestamp, body))
	}
	response, err := w.client.Do(request)
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		err = wrapped.Err // without the URL, which may hold a token
	}
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	const enough = 64 << 10 // so that the connection can be reused
	_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, enough))
	if response.StatusCode < 200 || response.StatusCode > 299 {
		return fmt.Errorf("the receiver answered %s", response.Status)
	}
	return nil
}

// sign returns version 1 of the specification's signature.
func (w *Webhook) sign(id, timestamp string, body []byte) string {
	mac := hmac.New(sha256.New, w.key)
	_, _ = fmt.Fprintf(mac, "%s.%s.%s", id, timestamp, body) // a hash never fails
	return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}
