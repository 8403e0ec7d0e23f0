"""libzmq as the peer of the bench of Windsock.

broker REP PUB          a broker as small as it can be: answers `published` and tells in two frames
ask ENDPOINT COUNT      asks one question after the other; prints the microseconds that half of them took at most
"""
import json
import sys
import time

import zmq

context = zmq.Context()
if sys.argv[1] == "broker":
    rep = context.socket(zmq.REP)
    rep.bind(sys.argv[2])
    pub = context.socket(zmq.PUB)
    pub.bind(sys.argv[3])
    print("ready", flush=True)
    while True:
        envelope = json.loads(rep.recv())
        pub.send_multipart([envelope["address"].encode(), envelope["content"].encode()])
        rep.send(b"published")
else:
    req = context.socket(zmq.REQ)
    req.connect(sys.argv[2])
    frame = json.dumps({"address": "bench", "content": "x" * 64}).encode()
    took = []
    for turn in range(int(sys.argv[3]) + 200):
        start = time.perf_counter_ns()
        req.send(frame)
        assert req.recv() == b"published"
        took.append(time.perf_counter_ns() - start)
    took = sorted(took[200:])
    print(json.dumps({"p50": took[len(took) // 2] / 1000, "p99": took[len(took) * 99 // 100] / 1000}))
