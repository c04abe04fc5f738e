"""The worker: one JSON request a line in, one JSON answer a line out, until there are no more."""

import json
import os
import sys
import traceback


def serve() -> None:
    """Answer requests until the end of the input.

    Whatever else is printed, by GX, by a progress bar or by C code, goes to stderr: the caller
    reads answers from stdout and nothing but answers.
    """
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    # Imported here so that the redirection holds for the import too, which takes seconds.
    from expectations.runner import run

    for line in sys.stdin:
        try:
            answer = run(json.loads(line))
        except Exception as error:  # the worker outlives a bad request
            traceback.print_exc()
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    serve()
