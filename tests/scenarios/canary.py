"""An idle process that only watches the machine: it prints every stall it meets, `from to` in boot seconds."""

import sys
import time

NAP_S = 0.01
STALL_S = 0.025


def main() -> None:
    """Watch until killed."""
    before_s = time.clock_gettime(time.CLOCK_BOOTTIME)
    while True:
        time.sleep(NAP_S)
        now_s = time.clock_gettime(time.CLOCK_BOOTTIME)
        if now_s - before_s > STALL_S:
            sys.stdout.write(f"{before_s:.4f} {now_s:.4f}\n")
            sys.stdout.flush()
        before_s = now_s


if __name__ == "__main__":
    main()
