"""`python -m sysfuzz.campaign.tied PARENT COMMAND…`: become a command that ends when its parent does, however that ends.

The tie is one of the process and survives what it becomes.
"""

import os
import sys

from sysfuzz.engine.lifeline import die_with

if __name__ == "__main__":
    die_with(int(sys.argv[1]))
    os.execvp(sys.argv[2], sys.argv[2:])
