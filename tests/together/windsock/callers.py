"""The back ends of Windsock as they are, over libzmq; each line of standard input is done and answered with one of JSON.

leave ENDPOINT TEXT    a REQ that sends one frame and closes without reading the answer
ask ENDPOINT TEXT      a REQ with linger 0 that waits for the answer
listen ENDPOINT        a SUB to everything, from then on
heard COUNT MS         waits until it has heard so many messages, and tells all of them
"""
import json
import sys

import zmq

context = zmq.Context()
subscriber = None
messages = []


def send(endpoint, text, linger):
    socket = context.socket(zmq.REQ)
    socket.setsockopt(zmq.LINGER, linger)
    socket.connect(endpoint)
    socket.send(text.encode())
    return socket


def do(verb, words):
    global subscriber
    if verb == "leave":
        # Closing waits until what was sent has left, and for nothing else.
        send(words[0], words[1], 60000).close()
        return "left"
    if verb == "ask":
        socket = send(words[0], words[1], 0)
        reply = socket.recv().decode() if socket.poll(60000) else None
        socket.close()
        return reply
    if verb == "listen":
        subscriber = context.socket(zmq.SUB)
        subscriber.setsockopt(zmq.SUBSCRIBE, b"")
        subscriber.connect(words[0])
        return "listening"
    if verb == "heard":
        while len(messages) < int(words[0]) and subscriber.poll(int(words[1])):
            messages.append([frame.decode() for frame in subscriber.recv_multipart()])
        return messages
    raise ValueError("unknown verb " + verb)


for line in sys.stdin:
    verb, *words = line.rstrip("\n").split(" ", 2)
    print(json.dumps(do(verb, words)), flush=True)
