"""The engine as a process of its own, for programs that must not load torch: `python -m retarget.worker`.

One JSON object a line, UTF-8, in on standard input and out on standard output; standard error is a log for people.
The process lives as long as its standard input: when that closes, it removes its temporary files and ends.

A request is {"id": N, "do": NAME, ...}. The first must be {"id": N, "do": "hello", "protocol": "mmface-worker/1"}.
Every answer names the request's id:

    {"id": N, "event": "progress", ...}     any number of times
    {"id": N, "event": "done", "result": {...}}
    {"id": N, "event": "error", "error": {"kind", "sentence", "details"}}   kind "user", "fault", "protocol", "version"
    {"id": N, "event": "cancelled"}
    {"event": "alive"}                      every two seconds while a request is worked on

Requests are done one after another, except these, which are answered at once: {"do": "cancel", "to": N} ends request N,
{"do": "tell", "to": N, ...} hands something to it while it runs, {"do": "shutdown"} ends the process. What can be asked
for is in `retarget.worker.requests.REQUESTS`; the arguments are those of its functions.
"""
