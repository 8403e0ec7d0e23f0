"""A peer of libzmq's own make: does what the lines of its standard input say, and answers each with one line of JSON.

open NAME TYPE [OPTION=VALUE ...] | bind NAME ENDPOINT | connect NAME ENDPOINT | send NAME =HEX[,HEX...] | receive NAME MS
many NAME COUNT BYTES | count NAME COUNT MS | close NAME
"""
import json
import sys

import zmq

context = zmq.Context()
sockets = {}
texts = {"PLAIN_USERNAME", "PLAIN_PASSWORD", "CURVE_PUBLICKEY", "CURVE_SECRETKEY", "CURVE_SERVERKEY", "IDENTITY", "SUBSCRIBE", "UNSUBSCRIBE"}


def frames(text):
    return [bytes.fromhex(part) for part in text[1:].split(",")]


def do(words):
    verb, name = words[0], words[1]
    if verb == "open":
        socket = context.socket(getattr(zmq, words[2]))
        socket.setsockopt(zmq.LINGER, 0)
        sockets[name] = socket
        return set_options(socket, words[3:])
    socket = sockets[name]
    if verb == "set":
        return set_options(socket, words[2:])
    if verb == "bind":
        socket.bind(words[2])
        return socket.getsockopt(zmq.LAST_ENDPOINT).rstrip(b"\0").decode()
    if verb == "connect":
        socket.connect(words[2])
        return "ok"
    if verb == "send":
        socket.send_multipart(frames(words[2]))
        return "ok"
    if verb == "receive":
        if not socket.poll(int(words[2])):
            return None
        return [part.hex() for part in socket.recv_multipart()]
    if verb == "many":
        body = b"x" * int(words[3])
        for number in range(int(words[2])):
            socket.send(number.to_bytes(4, "big") + body)
        return "ok"
    if verb == "count":
        count, in_order, last = 0, True, -1
        # However long the wanted ones take; none may come after them.
        while socket.poll(int(words[3]) if count < int(words[2]) else 200):
            number = int.from_bytes(socket.recv_multipart()[0][:4], "big")
            in_order = in_order and number > last
            last = number
            count += 1
        return {"count": count, "inOrder": in_order}
    if verb == "close":
        socket.close()
        del sockets[name]
        return "ok"
    raise ValueError("unknown verb " + verb)


def set_options(socket, options):
    for option in options:
        key, value = option.split("=", 1)
        socket.setsockopt(getattr(zmq, key), value.encode() if key in texts else int(value))
    return "ok"


authenticators = []
for line in sys.stdin:
    words = line.split()
    try:
        if words[0] == "allow":
            from zmq.auth import CURVE_ALLOW_ANY
            from zmq.auth.thread import ThreadAuthenticator

            authenticator = ThreadAuthenticator(context)
            authenticator.start()
            authenticator.configure_plain(domain="*", passwords={words[1]: words[2]})
            # Whoever has been set to judge judges CURVE as well.
            authenticator.configure_curve(domain="*", location=CURVE_ALLOW_ANY)
            authenticators.append(authenticator)
            answer = "ok"
        else:
            answer = do(words)
    except Exception as error:  # every failure is an answer to the test
        answer = {"error": str(error)}
    print(json.dumps(answer), flush=True)
import os

os._exit(0)
