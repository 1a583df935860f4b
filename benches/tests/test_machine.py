"""What the report says of the machine."""
import subprocess
import sys
import unittest

import machine


class Machine(unittest.TestCase):
    def test_other_work_is_seen(self):
        other = subprocess.Popen([sys.executable, "-c", "while True: pass"])
        try:
            self.assertGreater(machine.busy_cores(0.5), 0.4)
        finally:
            other.kill()
            other.wait()
