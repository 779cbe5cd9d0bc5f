// Package embedded runs a NATS server with JetStream inside this process, so
// that one binary is a whole installation.
//
// It is the only importer of nats-server besides tests. What it adds to the
// server library is what an operator expects of a program and a library leaves
// out:
//
//   - a start that fails says in one sentence what is wrong and what to do
//     ([ErrPortTaken], [ErrDirNotWritable], [ErrDirLocked]), instead of exiting
//     the process or hanging until a readiness timeout;
//   - one owner per store directory, held by an advisory lock that the kernel
//     releases when the process dies, however it dies: kill -9 and start again
//     on the same directory just works;
//   - ready means ready: [Start] returns after JetStream has answered a request;
//   - a way into the system account that only this process has
//     ([Server.SystemConn]);
//   - no signal handlers. Signals belong to the program;
//   - the server's log lines go to slog, those that clients can cause at will at a
//     bounded rate, and they are counted ([Server.Refused]).
//
// All methods of [Server] may be called concurrently.
package embedded
