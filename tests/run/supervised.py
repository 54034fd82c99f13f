"""A supervisor as a process of its own, for the tests: it reaps every child of the process that it runs in.

Arguments: directory for logs and pulses, JSON list of children (fields of `Child`; `ailment` is a file that says
what is the matter), limit for the pulse.
"""

import json
import sys
import time
from pathlib import Path

from syncsite import supervisor


def main():
    directory, children, pulse_seconds = Path(sys.argv[1]), json.loads(sys.argv[2]), float(sys.argv[3])
    supervisor.PULSE_SECONDS = pulse_seconds
    supervisor.LOOK_SECONDS, supervisor.TELL_SECONDS = 0.2, 0.5
    with supervisor.Supervisor(directory, lambda sentence: print(sentence, flush=True)) as running:
        code = running.call("hello", [sys.executable, "-c", "raise SystemExit(7)"])
        print(f"called: {code}", flush=True)
        for child in children:
            if named := child.pop("ailment", None):
                child["ailment"] = Path(named).read_text
            running.start(supervisor.Child(**child))
        print(f"up at {time.time()}", flush=True)
        running.watch()
    print("stopped", flush=True)


main()
