"""A supervisor as a process of its own, for the tests: it reaps every child of the process that it runs in.

Arguments: directory for logs and pulses, JSON list of children (fields of `Child`), limit for the pulse.
"""

import json
import sys
import time
from pathlib import Path

from syncsite import supervisor


def main():
    directory, children, pulse_seconds = Path(sys.argv[1]), json.loads(sys.argv[2]), float(sys.argv[3])
    supervisor.PULSE_SECONDS = pulse_seconds
    with supervisor.Supervisor(directory, lambda sentence: print(sentence, flush=True)) as running:
        code = running.call("hello", [sys.executable, "-c", "raise SystemExit(7)"])
        print(f"called: {code}", flush=True)
        for child in children:
            running.start(supervisor.Child(**child))
        print(f"up at {time.time()}", flush=True)
        running.watch()
    print("stopped", flush=True)


main()
