"""The engine's own server with a capture that looks at no picture: it takes its time and hands out a take.

python quick_engine.py TAKE.npz SECONDS
"""

import shutil
import sys
import time
from typing import Any

from retarget.worker import requests
from retarget.worker.__main__ import main

TAKE, SECONDS = sys.argv[1], float(sys.argv[2])
STEPS = 20


def capture(state, job, source: str, take: str, face: Any, pictures: Any, seconds: Any):
    for step in range(STEPS):
        job.check()
        job.progress("frames", step + 1, STEPS)
        time.sleep(SECONDS / STEPS)
    shutil.copyfile(TAKE, take)
    return {"take": take, "source": source, "frames": 1, "seen": 1, "fps": 25.0, "still": False, "picture": None}


requests.REQUESTS["capture"] = capture
main()
