// Package embedded runs a NATS server with JetStream inside this process, so that
// one binary is a complete installation.
//
// Apart from tests, only this package imports nats-server. It adds what operators
// expect of a program and a server library leaves out:
//
//   - a failed start says in one sentence what is wrong and what to do
//     ([ErrPortTaken], [ErrDirNotWritable], [ErrDirLocked]), instead of exiting
//     the process or hanging until a readiness timeout;
//   - one owner per store directory, enforced by an advisory lock that the kernel
//     releases when the process ends in any way: after kill -9, a restart on the
//     same directory works;
//   - ready means ready: [Start] returns after JetStream has answered a request;
//   - access to the system account for this process only
//     ([Server.SystemConn]);
//   - no signal handlers. Signals belong to the program;
//   - the server's log lines go to slog. Lines that clients can cause at will are
//     rate limited and counted ([Server.Refused]).
//
// All methods of [Server] may be called concurrently.
package embedded
