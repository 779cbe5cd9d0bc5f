package worker

const runHelp = `Run any program as an agent. The program is started once for each mission.

The program gets the mission's data as JSON on standard input, and in its environment:

    MISSION_ID, MISSION_NAME, MISSION_TYPE, MISSION_ATTEMPT, AGENT_ID
    MISSION_TURN        how often the mission was claimed, this time included
    MISSION_CHECKPOINT  a file with the latest checkpoint; there is none if nothing was stored
    MISSION_INPUTS      a file with the outcomes of what the mission has waited for, by ID, as
                        a JSON object: {"build":{"status":"COMPLETED","result":7}}
    MISSION_SIGNALS     a file with the signals that no agent has seen yet, one JSON object per
                        line; those that arrive meanwhile are appended. What was written to it
                        while the program runs counts as seen
    MISSION_TIMED_OUT   1 if the mission's latest wait ended because its time was up, else unset
    MISSION_REPORT      a named pipe for lines to the supervisor; MISSION_FD is a descriptor of
                        it that is already open
    MISSION_RUN         marks the processes of this run, so that they can be killed
    TRACEPARENT         if the mission belongs to a trace

It does not get the variables that the agent itself reads to connect (NATS_URL, NATS_PASSWORD,
...), nor a terminal.

Its standard output is the result, at most 512 KiB: JSON as it is, other text as a string, no
output as null. Each line on standard error becomes a log entry, until the mission's log is
full (100,000 entries). With --log-stdout, so does each line on standard output, and the result
is what a result line says, or null. A line that the program redraws with carriage returns, or
does not end, is the mission's progress, with a percentage if it has one. All output counts as
progress for --stall.

An exit code other than 0 is a failure; the last lines on standard error are the reason. A
failed mission is retried while attempts remain, after a time that a retry-after line can
give. 65 is a failure that is not retried; use 75 for one that is worth another try later.

The program can write these lines to MISSION_REPORT or MISSION_FD (on Unix). With --directives,
it can also write them among the lines that are logged, with :: before the first word:

    progress 50 half of it            the mission's progress, in percent
    checkpoint {"step":4}             any JSON, at most 64 KiB: MISSION_CHECKPOINT of the next turn
    usage usd=0.42 input_tokens=1200  what was used since the last such line; the agent adds it up
    result {"width":80}               any JSON, at most 512 KiB: the result, if the exit code is 0
    retry-after 60                    how many seconds until the next attempt, if this one fails
    park {"after":[{"signal":"approved","prompt":"Deploy?"}],"after_timeout_seconds":3600}
                                      if the exit code is 0, the mission does not complete: it is
                                      handed back until all that has happened, or the time is up

Other lines are ignored, with a warning in the mission's log; among the lines that are logged,
they are logged. The last park, result and retry-after count.

With --workdir DIR, the program runs in the directory DIR/MISSION_ID. It keeps its files when
the mission is parked or retried, and is removed when the mission ends, or was not used for
--workdir-keep.

If the command cannot be started (it is missing, not executable, or the machine has no
processes left), the agent hands the mission back without using up an attempt, and waits
before it takes another: 1 s, then 2 s, up to 30 s. After 8 times in a row it goes offline and
exits.

When the mission is cancelled, its lease is lost or its time is over, the program and its
process group get SIGTERM, and SIGKILL after 5 seconds. When the program ends, or the agent is
killed, all that it has started is killed, too: on Linux also daemons, elsewhere only what is in
its process group.

The first Ctrl-C, or a closed terminal, gives running programs --drain to finish; the second
Ctrl-C stops them at once. Unfinished missions are handed back.

Run each agent with its own --id: the supervisor cannot tell two agents with the same ID
apart, and ends each one's leases in turn.

docs/AGENT-RUN.md has the details.`
