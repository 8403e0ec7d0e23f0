"""A mail server that takes everything, or refuses as it is told, and writes down what came as lines of JSON.

Its one argument is JSON: security (none, starttls, tls), certificate and key (files), user and password (wanted before
anything else, where given). Mailboxes beginning with "refused" do not exist; those beginning with "later" are put off at
the first attempt.
"""

import asyncio
import base64
import json
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

options = json.loads(sys.argv[1])
put_off = set()


def say(**what):
    print(json.dumps(what), flush=True)


class Handler:
    async def handle_RCPT(self, server, session, envelope, address, rcpt_options):
        if address.startswith("refused"):
            return "550 5.1.1 No such mailbox"
        if address.startswith("later") and address not in put_off:
            put_off.add(address)
            return "451 4.7.1 Greylisted, try later"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        say(
            sender=envelope.mail_from,
            recipients=envelope.rcpt_tos,
            data=base64.b64encode(envelope.original_content).decode(),
            user=(session.auth_data.login.decode() if session.auth_data else None),
            tls=session.ssl is not None or options["security"] == "tls",
        )
        return "250 2.0.0 Written down"


def authenticate(server, session, envelope, mechanism, data):
    good = (
        isinstance(data, LoginPassword)
        and data.login.decode() == options["user"]
        and data.password.decode() == options["password"]
    )
    return AuthResult(success=good, handled=good, auth_data=data)


def context():
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(options["certificate"], options["key"])
    return made


def session():
    wanted = {"hostname": "recorder.example", "enable_SMTPUTF8": True}
    if options["security"] == "starttls":
        wanted.update(tls_context=context(), require_starttls=True)
    if "user" in options:
        wanted.update(authenticator=authenticate, auth_required=True)
        wanted.update(auth_require_tls=options["security"] == "starttls")
    return SMTP(Handler(), **wanted)


async def main():
    tls = context() if options["security"] == "tls" else None
    server = await asyncio.get_running_loop().create_server(session, "127.0.0.1", options.get("port", 0), ssl=tls)
    say(port=server.sockets[0].getsockname()[1])
    await server.serve_forever()


asyncio.run(main())
