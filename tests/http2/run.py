"""Plays the suite against the gateway whose binary is in WXGATE: `run.py conformance` or `run.py abuse`."""

import sys
import time

import case
from bed import Bed


def conformance():
    import conformance_compression, conformance_frames, conformance_messages  # noqa: E401,F401

    wrong = []
    with Bed() as bed:
        for number, one in enumerate(case.CASES):
            if why := one.run(bed, number):
                wrong.append((one, why))
        for number, one in enumerate(case.CASES):
            if not any(one is other for other, _ in wrong) and (why := one.reached(bed, number)):
                wrong.append((one, why))
        for fault in bed.service.wrong:
            print("the service heard:", fault)
        lives = bed.lives()
    for one, why in wrong:
        print(f"{one.section}: {one.title}: {one.expect}: {why}")
    print(f"{len(case.CASES)} cases, {len(wrong)} wrong")
    return lives and not wrong and not bed.service.wrong


def main():
    start = time.monotonic()
    if sys.argv[1] == "conformance":
        right = conformance()
    else:
        import abuse
        right = abuse.play(sys.argv[2:])
    print(f"{time.monotonic() - start:.1f} s")
    sys.exit(0 if right else 1)


if __name__ == "__main__":
    main()
