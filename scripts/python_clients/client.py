#!/usr/bin/env python3
"""Runs one client of ale_py and writes digests of all that it sees. scripts/compare_python_clients.py calls this.

python client.py NAME --out FILE                        # with ale_py
python -m atari_emulator client.py NAME --out FILE      # with the package that stands in for it
"""

import argparse
import json
import warnings

import environments
import interface
import learning
import vectors
from recording import Recorder

CLIENTS = {
    "interface": interface.interface,
    "rollouts": environments.rollouts,
    "ids": environments.ids,
    "all-games": environments.all_games,
    "preprocessing": environments.preprocessing,
    "go-explore": environments.go_explore,
    "make-vec": vectors.make_vec,
    "envpool-style": vectors.envpool_style,
    "spawn": vectors.spawned,
    "ppo": learning.ppo,
    "sb3-dqn": learning.sb3_dqn,
    "xla": vectors.xla,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=CLIENTS)
    parser.add_argument("--out", required=True, metavar="FILE", help="one line of JSON for each segment")
    parser.add_argument("--fast", action="store_true", help="a small part of everything")
    parser.add_argument("--steps", type=int, help="of each game in `all-games`")
    parser.add_argument("--trace", metavar="SEGMENT", help="a line for each entry of this segment too")
    args = parser.parse_args()
    # Gymnasium warns of old ids and of wrappers; a client that counts warnings catches them itself.
    warnings.simplefilter("ignore")
    import ale_py

    with open(args.out, "w") as out:
        out.write(json.dumps({"module": ale_py.ALEInterface.__module__, "native": ale_py._ale_py.__file__}) + "\n")
        record = Recorder(out, args.trace)
        more = {"steps": args.steps} if args.name == "all-games" else {}
        CLIENTS[args.name](record, args.fast, **more)
        record.end()


if __name__ == "__main__":
    main()
