// Package streamtest is the conformance suite of package eventstream: what
// publishers and consumers may rely on, with a broker, while it is away or hangs,
// and without one.
//
// [Run] gets a [Harness] per test, which connects to a broker and disturbs it, and
// the [Features] of the broker. The same suite runs on one embedded broker, on a
// broker without JetStream, on no broker at all, and on a cluster of three.
// [RunCluster] disturbs single nodes of a cluster. [StartCluster] can also be used
// in the tests of other packages.
//
// Nothing here sleeps. Tests wait for the stream's own notifications, for messages,
// or for the broker's events, with a deadline far longer than any of them takes.
package streamtest
