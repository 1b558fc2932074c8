"""A log of aics-tlog that asks a witness, with the client of aics-witness.

    witness_log.py URL WITNESS_VKEY ORIGIN SEED_HEX STEP...

A step is the size up to which the log has grown, or fork:SIZE for another tree of that size, which differs
from the entry 10 on. Prints one line for each step: `signed`, or the status of the refusal.
"""

import sys

from aics_tlog import Checkpoint, MerkleTree, sign_checkpoint
from aics_witness.feeder import WitnessClient, WitnessRejected, merge_cosignatures
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

url, witness_vkey, origin, seed, *steps = sys.argv[1:]
key = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(seed))
sizes = [int(step.removeprefix("fork:")) for step in steps]
log = MerkleTree(str(n).encode() for n in range(max(sizes)))
fork = MerkleTree((str(n) + " forked" * (n >= 10)).encode() for n in range(max(sizes)))

with WitnessClient(url, witness_vkey, max_attempts=1) as client:
    for step, size in zip(steps, sizes):
        tree = fork if step.startswith("fork:") else log
        note = sign_checkpoint(Checkpoint(origin, size, tree.root(size)), key, origin)
        try:
            # Checks the cosignature with the key of the witness.
            merge_cosignatures(note.serialise(), client.submit(note.serialise(), tree.consistency_proof))
            print("signed")
        except WitnessRejected as refused:
            print(refused.status)
