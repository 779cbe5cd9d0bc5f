// Package streamtest is the one conformance suite of package eventstream: what
// a publisher and a consumer may rely on, with a broker, while it is away or
// hangs, and without one.
//
// [Run] is given a [Harness] per test, which says how to reach a broker and how
// to disturb it, and the [Features] that the broker has. The same suite runs on
// one embedded broker, on a broker without JetStream, on no broker at all, and
// on a cluster of three. [RunCluster] disturbs the nodes of a cluster singly;
// [StartCluster] is for the tests of other packages, too.
//
// Nothing in here sleeps. Tests wait for the stream's own notifications, for
// messages, or for the broker's events, with a deadline that is far longer than
// any of them takes.
package streamtest
